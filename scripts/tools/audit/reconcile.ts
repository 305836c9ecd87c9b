import type { ArchiveReport } from './archive.ts';

/** A submission in the log that is to become a row. */
export interface LoggedRow {
  /** Its place in the log. */
  seq: number;
  /** The Trigger that brings it to the buffer. */
  trigger: string;
  spreadsheetId: string;
  tab: string;
  id: string;
  form: string;
  /** The moment of receipt as it stands in the row. */
  time: string;
  /** It has not reached the buffer yet. */
  waiting: boolean;
  /** The buffer gave it up: it is a dead letter. */
  dead: boolean;
  /** What became of it on the way to the archive; undefined when it does not go there. */
  archive?: 'delivered' | 'waiting' | 'dead' | undefined;
}

/** What was found behind the log; keys as `keyOf` makes them. */
export interface Found {
  buffered: Set<string>;
  frozen: Set<string>;
  /** Kept aside because Google refused them, for this reason; a mark with the same id stands in the sheet, or is on its way there. */
  refused: Map<string, string>;
  /** How many rows have this id. */
  inSheet: Map<string, number>;
  /** The tabs that there are, each as spreadsheet, line feed, tab. */
  tabs: Set<string>;
  /** Spreadsheets that are or were 80 % full; `last` is the one that takes their rows now. */
  full: { spreadsheetId: string; last: string }[];
  /** Without a tab it is the spreadsheet as a whole. */
  parked: { spreadsheetId: string; tab?: string; reason: string; since: number }[];
  /** What could not be read: a spreadsheet, or one tab of it. */
  unreadable: { spreadsheetId: string; tab: string | undefined; reason: string }[];
}

interface TabReport {
  sheet: string;
  form: string;
  accepted: number;
  'in sheet': number;
  waiting: number;
  buffered: number;
  frozen: number;
  refused: number;
  'dead letters': number;
  'not checked': number;
  missing: number;
  doubled: number;
}

interface RefusedRow extends LoggedRow {
  reason: string;
  /** False when somebody has deleted the mark: the row may be sent again. */
  hasMark: boolean;
}

export interface AuditReport {
  tabs: TabReport[];
  missing: LoggedRow[];
  doubled: LoggedRow[];
  refused: RefusedRow[];
  /** Tabs with missing rows that are not there (any more). */
  gone: string[];
  full: Found['full'];
  parked: Found['parked'];
  unreadable: Found['unreadable'];
  /** Submissions that were forgotten; they are not compared. */
  forgotten: number;
  /** Forgotten ones that still stand in the sheet: the next flush takes them out. */
  standing: LoggedRow[];
  archive: ArchiveReport | { unreadable: string };
  /** Rows whose id is not in the log: the log keeps an event for some days only, and people add rows by hand. */
  unlogged: { sheet: string; rows: number }[];
}

/** Says of each accepted submission where it is now. One that is nowhere is missing; one that stands twice is doubled. */
export function reconcile(
  log: LoggedRow[],
  found: Found,
  forgotten: Set<string> = new Set(),
): Omit<AuditReport, 'archive'> {
  const { full, parked, unreadable } = found;
  const report: Omit<AuditReport, 'archive'> = {
    tabs: [],
    missing: [],
    doubled: [],
    refused: [],
    gone: [],
    full,
    parked,
    unreadable,
    unlogged: [],
    forgotten: 0,
    standing: [],
  };
  const tabs = new Map<string, TabReport>();
  for (const [key, row] of submissionsOf(log)) {
    if (isForgotten(row.id, forgotten)) {
      report.forgotten += 1;
      if (found.inSheet.has(key)) report.standing.push(row);
      continue;
    }
    const name = `${row.spreadsheetId}/${row.tab} ${row.form}`;
    const tab = tabs.get(name) ?? emptyTab(row);
    tabs.set(name, tab);
    tab.accepted += 1;
    const standing = found.inSheet.get(key) ?? 0;
    if (standing > 1) {
      tab.doubled += 1;
      report.doubled.push(row);
    }
    const reason = found.refused.get(key);
    if (reason !== undefined) {
      tab.refused += 1;
      const hasMark = standing > 0 || found.buffered.has(key) || found.frozen.has(key);
      report.refused.push({ ...row, reason, hasMark: hasMark || isUnreadable(row, unreadable) });
    } else if (standing > 0) tab['in sheet'] += 1;
    else if (found.buffered.has(key)) tab.buffered += 1;
    else if (found.frozen.has(key)) tab.frozen += 1;
    else if (row.waiting) tab.waiting += 1;
    else if (row.dead) tab['dead letters'] += 1;
    else if (isUnreadable(row, unreadable)) tab['not checked'] += 1;
    else {
      tab.missing += 1;
      report.missing.push(row);
    }
  }
  report.tabs = [...tabs.values()];
  const gone = report.missing.filter(({ spreadsheetId, tab }) => !found.tabs.has(`${spreadsheetId}\n${tab}`));
  report.gone = [...new Set(gone.map(({ spreadsheetId, tab }) => `${spreadsheetId}/${tab}`))];
  return report;
}

/** Counts by tab the rows of the sheets that `logged`, keys of the whole log, has not. */
export function countUnlogged({ inSheet }: Found, logged: Set<string>): AuditReport['unlogged'] {
  const counts = new Map<string, number>();
  for (const [key, standing] of inSheet) {
    if (logged.has(key)) continue;
    const [spreadsheetId = '', tab = ''] = key.split('\n');
    const sheet = `${spreadsheetId}/${tab}`;
    counts.set(sheet, (counts.get(sheet) ?? 0) + standing);
  }
  return [...counts].map(([sheet, rows]) => ({ sheet, rows }));
}

/**
 * Two looks at the same spreadsheets as one: a row that only one of them found is there, and one is doubled that both found
 * twice. So a person who sorts a long tab while it is read page by page makes nothing missing or doubled.
 */
export function settle(first: Found, second: Found): Found {
  const inSheet = new Map(first.inSheet);
  for (const key of [...first.inSheet.keys(), ...second.inSheet.keys()]) {
    const [a, b] = [first.inSheet.get(key) ?? 0, second.inSheet.get(key) ?? 0];
    inSheet.set(key, Math.max(1, Math.min(a, b)));
  }
  const unreadable = new Map(
    [...first.unreadable, ...second.unreadable].map((one) => [`${one.spreadsheetId}\n${one.tab}`, one]),
  );
  return {
    buffered: new Set([...first.buffered, ...second.buffered]),
    frozen: new Set([...first.frozen, ...second.frozen]),
    refused: new Map([...first.refused, ...second.refused]),
    inSheet,
    tabs: second.tabs,
    full: second.full,
    parked: second.parked,
    unreadable: [...unreadable.values()],
  };
}

/** A row's place and id; a tab and an id hold no line feed. */
export function keyOf({
  spreadsheetId,
  tab,
  id,
}: {
  spreadsheetId: string;
  tab: string;
  id: string;
}): string {
  return `${spreadsheetId}\n${tab}\n${id}`;
}

/** The id in a key of `keyOf`. */
export function idIn(key: string): string {
  return key.slice(key.lastIndexOf('\n') + 1);
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

/** What a task found out about a submission has its id with the task's name behind it. */
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
    frozen: 0,
    refused: 0,
    'dead letters': 0,
    'not checked': 0,
    missing: 0,
    doubled: 0,
  };
  return { sheet: `${spreadsheetId}/${tab}`, form, accepted: 0, 'in sheet': 0, ...counts };
}
