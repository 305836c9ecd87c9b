import type { AuditReport, LoggedRow } from './reconcile.ts';
import type { Repaired } from './repair.ts';

const shown = 20;

/** Prints the report for people: ids in short lists. */
export function printReport({ tabs, missing, doubled, parked, unreadable, unlogged }: AuditReport): void {
  if (tabs.length > 0) console.table(tabs);
  for (const { spreadsheetId, reason, since } of parked)
    console.log(`parked: ${spreadsheetId}, since ${new Date(since).toISOString()}: ${reason}`);
  for (const { spreadsheetId, tab, reason } of unreadable)
    console.log(`not checked: ${tab === undefined ? spreadsheetId : `${spreadsheetId}/${tab}`}: ${reason}`);
  for (const { sheet, rows } of unlogged)
    console.log(`not in the log: ${rows} rows of ${sheet}, older than what the log keeps or added by hand`);
  list('missing', missing);
  list('doubled', doubled);
  if (missing.length > 0) console.log('--repair puts missing rows back.');
  if (doubled.length > 0) console.log('Of a doubled row delete all but one by hand.');
  if (missing.length + doubled.length === 0) console.log('Nothing is missing, nothing is doubled.');
}

/** Prints what the repair has done. */
export function printRepaired({ putBack, left }: Repaired): void {
  console.log(`put back: ${putBack.length} rows; they stand in their sheets after the next flush`);
  for (const { id, reason } of left.slice(0, shown)) console.log(`not put back: ${id}: ${reason}`);
  if (left.length > shown) console.log(`not put back: ${left.length - shown} more; --json lists them`);
}

function list(what: string, rows: LoggedRow[]): void {
  for (const { id, spreadsheetId, tab } of rows.slice(0, shown))
    console.log(`${what}: ${id} in ${spreadsheetId}/${tab}`);
  if (rows.length > shown) console.log(`${what}: ${rows.length - shown} more; --json lists them`);
}
