import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';

/*
 * Actions of a spreadsheet's owner in the browser for which the API has no call. They change the emulator's file; `data` is the folder
 * of a running Formbus.
 */

/** Revokes or restores everybody's access. */
export function setRevoked(data: string, revoked: boolean): void {
  change(data, 'UPDATE spreadsheets SET revoked = ?', Number(revoked));
}

/** Protects the tabs with this title from everybody. */
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
