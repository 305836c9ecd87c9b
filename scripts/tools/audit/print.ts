import type { AuditReport, LoggedRow } from './report.ts';
import type { Repaired } from './repair.ts';
import { counted } from '../client/counted.ts';

const shown = 20;

/** Prints the report for people: ids in short lists. */
export function printReport(report: AuditReport): void {
  const {
    archive,
    forgotten,
    standing,
    tabs,
    lost,
    duplicated,
    refused,
    gone,
    full,
    parked,
    unreadable,
    unlogged,
  } = report;
  if (tabs.length > 0) console.table(tabs);
  if ('unreadable' in archive) console.log(`not checked: the archive: ${archive.unreadable}`);
  else {
    const { lost: unarchived, ...counts } = archive;
    console.table([{ archive: 'submissions', ...counts, lost: unarchived.length }]);
    list('lost on the way to the archive', unarchived);
    if (unarchived.length > 0) console.log('--repair puts them into the archive.');
  }
  if (forgotten > 0)
    console.log(
      `forgotten: ${counted(forgotten, 'event')} of the log, about submissions that were forgotten`,
    );
  list('forgotten, and still in the sheet', standing);
  for (const tab of gone) console.log(`tab deleted: ${tab}; the repair makes it again`);
  for (const { spreadsheetId, last } of full)
    console.log(
      last === spreadsheetId
        ? `80 % full: ${spreadsheetId}, and there is no spreadsheet for its rows to continue in: add one to SPREADSHEET_POOL`
        : `80 % full: ${spreadsheetId}; its rows continue in ${last}`,
    );
  for (const { spreadsheetId, tab, reason, since } of parked)
    console.log(
      `parked: ${placeName(spreadsheetId, tab)}, since ${new Date(since).toISOString()}: ${reason}`,
    );
  for (const { spreadsheetId, tab, reason } of unreadable)
    console.log(`not checked: ${placeName(spreadsheetId, tab)}: ${reason}`);
  for (const { sheet, rows } of unlogged)
    console.log(
      `neither in the log nor in the archive: ${counted(rows, 'row')} of ${sheet}, added by hand, or from before the archive`,
    );
  list('refused', refused, ({ reason }) => `: ${reason}`);
  list('lost', lost);
  list('duplicated', duplicated);
  if (refused.length > 0)
    console.log(
      'A refused row is kept in the buffer: delete its mark in the sheet, and --repair sends it again.',
    );
  if (lost.length > 0) console.log('--repair puts lost rows back.');
  if (duplicated.length > 0) console.log('Of a duplicated row delete all but one by hand.');
  const verdict = verdictOf(report);
  if (verdict) console.log(verdict);
}

/** The last line when nothing is wrong; undefined when the lines above it say what is. */
export function verdictOf({
  lost,
  duplicated,
  unreadable,
  archive,
}: {
  lost: unknown[];
  duplicated: unknown[];
  unreadable: unknown[];
  archive: { lost: unknown[] } | { unreadable: string };
}): string | undefined {
  const unarchived = 'unreadable' in archive ? 0 : archive.lost.length;
  if (lost.length + duplicated.length + unarchived > 0) return undefined;
  if (unreadable.length > 0 || 'unreadable' in archive)
    return 'Nothing is lost and nothing is duplicated in what could be checked.';
  return 'Nothing is lost, nothing is duplicated.';
}

/** Prints what the repair did. */
export function printRepaired({ putBack, left, archived }: Repaired & { archived: number }): void {
  if (archived > 0) console.log(`delivered to the archive again: ${counted(archived, 'submission')}`);
  console.log(`put back: ${counted(putBack.length, 'row')}; in the sheets after the next flush`);
  for (const { id, reason } of left.slice(0, shown)) console.log(`not put back: ${id}: ${reason}`);
  if (left.length > shown) console.log(`not put back: ${left.length - shown} more; --json lists them`);
}

function list<R extends LoggedRow>(what: string, rows: R[], more: (row: R) => string = () => ''): void {
  for (const row of rows.slice(0, shown))
    console.log(`${what}: ${row.id} in ${row.spreadsheetId}/${row.tab}${more(row)}`);
  if (rows.length > shown) console.log(`${what}: ${rows.length - shown} more; --json lists them`);
}

function placeName(spreadsheetId: string, tab: string | undefined): string {
  return tab === undefined ? spreadsheetId : `${spreadsheetId}/${tab}`;
}
