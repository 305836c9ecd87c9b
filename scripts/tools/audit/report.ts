import { memberOf, placeIn, type Place } from '../../../functions/lib/buffer/keys.ts';

/** A submission in the log that becomes a row. */
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
  inFlight: Set<string>;
  /** Rows that Google refused, with the reason; a mark with the same id stands in the sheet, or is on its way there. */
  refused: Map<string, string>;
  /** How many rows have this id. */
  inSheet: Map<string, number>;
  /** The tabs that exist, each as `tabKey` makes it. */
  tabs: Set<string>;
  /** Spreadsheets that are or were 80 % full; `last` is the one that takes their rows now. */
  full: { spreadsheetId: string; last: string }[];
  /** Without a tab it is the spreadsheet as a whole. */
  parked: { spreadsheetId: string; tab?: string; reason: string; since: number }[];
  /** What could not be read: a spreadsheet, or one tab of it. */
  unreadable: { spreadsheetId: string; tab: string | undefined; reason: string }[];
}

/** Of a form's submissions in a tab, how many are where. */
export interface TabReport {
  sheet: string;
  form: string;
  accepted: number;
  'in sheet': number;
  waiting: number;
  buffered: number;
  'in flight': number;
  refused: number;
  'dead letters': number;
  'not checked': number;
  lost: number;
  duplicated: number;
}

interface RefusedRow extends LoggedRow {
  reason: string;
  /** False when somebody has deleted the mark: the row may be sent again. */
  hasMark: boolean;
}

/** Where each accepted submission is. */
export interface RowsReport {
  tabs: TabReport[];
  lost: LoggedRow[];
  duplicated: LoggedRow[];
  refused: RefusedRow[];
  /** Tabs with lost rows that do not exist (any more). */
  gone: string[];
  full: Found['full'];
  parked: Found['parked'];
  unreadable: Found['unreadable'];
  /** Submissions that were forgotten; they are not compared. */
  forgotten: number;
  /** Forgotten ones that still stand in the sheet: the next flush takes them out. */
  standing: LoggedRow[];
}

export interface ArchiveReport {
  archived: number;
  forgotten: number;
  /** They have not reached the archive yet. */
  waiting: number;
  'dead letters': number;
  lost: LoggedRow[];
}

export interface AuditReport extends RowsReport {
  archive: ArchiveReport | { unreadable: string };
  /** Rows whose id is not in the log: the log keeps an event for some days only, and people add rows by hand. */
  unlogged: { sheet: string; rows: number }[];
}

/** A row's place and id as one text; a spreadsheet's id holds no line feed either. */
export function keyOf({ spreadsheetId, tab, id }: Place & { spreadsheetId: string }): string {
  return keyOfMember(spreadsheetId, memberOf({ tab, id }));
}

export function keyOfMember(spreadsheetId: string, member: string): string {
  return `${spreadsheetId}\n${member}`;
}

/** What `keyOf` was given. */
export function rowIn(key: string): Place & { spreadsheetId: string } {
  const end = key.indexOf('\n');
  return { spreadsheetId: key.slice(0, end), ...placeIn(key.slice(end + 1)) };
}

export function tabKey({ spreadsheetId, tab }: { spreadsheetId: string; tab: string }): string {
  return `${spreadsheetId}\n${tab}`;
}
