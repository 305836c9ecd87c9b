import { timesSeen, whereIs } from '../../../functions/lib/whereabouts/whereabouts.ts';
import {
  keyOf,
  rowIn,
  tabKey,
  type AuditReport,
  type Found,
  type LoggedRow,
  type RowsReport,
  type TabReport,
} from './report.ts';

/** Says of each accepted submission where it is now. A submission that is nowhere is lost; one that stands twice is duplicated. */
export function reconcile(log: LoggedRow[], found: Found, forgotten: Set<string> = new Set()): RowsReport {
  const { full, parked, unreadable } = found;
  const report: RowsReport = {
    tabs: [],
    lost: [],
    duplicated: [],
    refused: [],
    gone: [],
    full,
    parked,
    unreadable,
    forgotten: 0,
    standing: [],
  };
  const tabs = new Map<string, TabReport>();
  for (const [key, row] of submissionsOf(log)) {
    const times = found.inSheet.get(key) ?? 0;
    const isReadable = !isUnreadable(row, unreadable);
    const held = isForgotten(row.id, forgotten) ? 'forgotten' : heldIn(found, key);
    const event = row.waiting ? 'waiting' : row.dead ? 'dead letters' : undefined;
    const where = whereIs({ times, held, event, isReadable });
    if (where === 'forgotten') {
      report.forgotten += 1;
      if (times > 0) report.standing.push(row);
      continue;
    }
    const name = `${row.spreadsheetId}/${row.tab} ${row.form}`;
    const tab = tabs.get(name) ?? emptyTab(row);
    tabs.set(name, tab);
    tab.accepted += 1;
    tab[where] += 1;
    if (times > 1) {
      tab.duplicated += 1;
      report.duplicated.push(row);
    }
    if (where === 'lost') report.lost.push(row);
    const reason = found.refused.get(key);
    if (reason !== undefined) {
      const hasMark = times > 0 || found.buffered.has(key) || found.inFlight.has(key) || !isReadable;
      report.refused.push({ ...row, reason, hasMark });
    }
  }
  report.tabs = [...tabs.values()];
  const gone = report.lost.filter((row) => !found.tabs.has(tabKey(row)));
  report.gone = [...new Set(gone.map(({ spreadsheetId, tab }) => `${spreadsheetId}/${tab}`))];
  return report;
}

function heldIn({ refused, buffered, inFlight }: Found, key: string) {
  if (refused.has(key)) return 'refused';
  if (buffered.has(key)) return 'buffered';
  return inFlight.has(key) ? 'in flight' : undefined;
}

/** Counts by tab the rows of the sheets whose keys are not in `logged`, the keys of the whole log. */
export function countUnlogged({ inSheet }: Found, logged: Set<string>): AuditReport['unlogged'] {
  const counts = new Map<string, number>();
  for (const [key, times] of inSheet) {
    if (logged.has(key)) continue;
    const { spreadsheetId, tab } = rowIn(key);
    const sheet = `${spreadsheetId}/${tab}`;
    counts.set(sheet, (counts.get(sheet) ?? 0) + times);
  }
  return [...counts].map(([sheet, rows]) => ({ sheet, rows }));
}

/** Two looks at the same spreadsheets as one, as `timesSeen` says. */
export function settle(first: Found, second: Found): Found {
  const inSheet = new Map<string, number>();
  for (const key of [...first.inSheet.keys(), ...second.inSheet.keys()])
    inSheet.set(key, timesSeen([first, second].map((look) => look.inSheet.get(key) ?? 0)));
  const unreadable = new Map(
    [...first.unreadable, ...second.unreadable].map((one) => [`${one.spreadsheetId}\n${one.tab}`, one]),
  );
  return {
    buffered: new Set([...first.buffered, ...second.buffered]),
    inFlight: new Set([...first.inFlight, ...second.inFlight]),
    refused: new Map([...first.refused, ...second.refused]),
    inSheet,
    tabs: second.tabs,
    full: second.full,
    parked: second.parked,
    unreadable: [...unreadable.values()],
  };
}

/** The same id twice in the log, as after a publisher's second try, is one submission; it waits while one of the two does. */
function submissionsOf(log: LoggedRow[]): Map<string, LoggedRow> {
  const rows = new Map<string, LoggedRow>();
  for (const row of log) {
    const key = keyOf(row);
    rows.set(key, { ...row, waiting: row.waiting || (rows.get(key)?.waiting ?? false) });
  }
  return rows;
}

function isForgotten(rowId: string, forgotten: Set<string>): boolean {
  return forgotten.has(rowId) || forgotten.has(submissionOf(rowId));
}

/** The submission that a row is about: the id of what a task found out is the submission's with the task's name behind it. */
export function submissionOf(rowId: string): string {
  return rowId.split('/', 1)[0] ?? rowId;
}

function isUnreadable({ spreadsheetId, tab }: LoggedRow, unreadable: Found['unreadable']): boolean {
  return unreadable.some(
    (one) => one.spreadsheetId === spreadsheetId && (one.tab === undefined || one.tab === tab),
  );
}

function emptyTab({ spreadsheetId, tab, form }: LoggedRow): TabReport {
  const counts = {
    waiting: 0,
    buffered: 0,
    'in flight': 0,
    refused: 0,
    'dead letters': 0,
    'not checked': 0,
    lost: 0,
    duplicated: 0,
  };
  return { sheet: `${spreadsheetId}/${tab}`, form, accepted: 0, 'in sheet': 0, ...counts };
}
