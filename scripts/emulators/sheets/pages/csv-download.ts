import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { csvWriter } from '../../web/csv.ts';
import { formatted, readRows } from '../grid/cells.ts';
import { getSheet, type Sheet } from '../grid/sheet.ts';
import type { Snapshot, Store } from '../grid/store.ts';

/**
 * Streams a tab as CSV (RFC 4180): all columns, hidden ones too, all rows down to the last one with data, heading
 * included, as they were when it began.
 */
export async function sendCsv(store: Store, sheet: Sheet, res: ServerResponse): Promise<void> {
  res.writeHead(200, {
    'content-type': 'text/csv; charset=utf-8',
    'content-disposition': `inline; filename*=UTF-8''${encodeURIComponent(sheet.title)}.csv`,
    'cache-control': 'no-store',
  });
  const snapshot = store.snapshot();
  try {
    await pipeline(Readable.from(lines(snapshot, sheet)), csvWriter(), res);
  } finally {
    snapshot.close();
  }
}

function* lines({ sql }: Snapshot, { spreadsheet, sheetId }: Sheet): Generator<string[]> {
  const sheet = getSheet(sql, spreadsheet, sheetId);
  let next = 0;
  for (const { row, cells } of readRows(sql, sheet)) {
    for (; next < row; next++) yield sheet.columns.map(() => '');
    yield sheet.columns.map(({ id }) => formatted(cells[id]));
    next = row + 1;
  }
}
