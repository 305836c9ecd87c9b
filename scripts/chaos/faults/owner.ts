import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';

/*
 * What the owner of a spreadsheet does in the browser, and the API has no call for: done in the emulator's file, `data` being the folder
 * of a running Formbus.
 */

/** Takes the access from everybody, or gives it back. */
export function setRevoked(data: string, revoked: boolean): void {
  change(data, 'UPDATE spreadsheets SET revoked = ?', Number(revoked));
}

/** Protects the tabs of that name from everybody. */
export function protectTab(data: string, title: string): void {
  change(data, 'INSERT INTO protections (sheet, col) SELECT key, NULL FROM sheets WHERE title = ?', title);
}

export function unprotectAll(data: string): void {
  change(data, 'DELETE FROM protections');
}

function change(data: string, statement: string, ...values: (string | number)[]) {
  const db = new DatabaseSync(join(data, 'sheets', 'sheets.sqlite'), { timeout: 5_000 });
  try {
    db.prepare(statement).run(...values);
  } finally {
    db.close();
  }
}
