/** A submission in the log that is to become a row. */
export interface LoggedRow {
  spreadsheetId: string;
  tab: string;
  id: string;
  form: string;
  /** It has not reached the buffer yet. */
  waiting: boolean;
  /** The buffer gave it up: it is a dead letter. */
  dead: boolean;
}

/** What was found behind the log; keys as `keyOf` makes them. */
export interface Found {
  buffered: Set<string>;
  frozen: Set<string>;
  /** Kept aside because Google refused them; a mark with the same id stands in the sheet. */
  refused: Set<string>;
  /** How many rows have this id. */
  inSheet: Map<string, number>;
  parked: { spreadsheetId: string; reason: string; since: number | undefined }[];
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
  missing: number;
  doubled: number;
}

export interface AuditReport {
  tabs: TabReport[];
  missing: LoggedRow[];
  doubled: LoggedRow[];
  parked: Found['parked'];
}

/** Says of each accepted submission where it is now. One that is nowhere is missing; one that stands twice is doubled. */
export function reconcile(log: LoggedRow[], found: Found): AuditReport {
  const report: AuditReport = { tabs: [], missing: [], doubled: [], parked: found.parked };
  const tabs = new Map<string, TabReport>();
  // The same id twice in the log, as after a publisher's second try, is one submission.
  const rows = new Map(log.map((row) => [keyOf(row), row]));
  for (const [key, row] of rows) {
    const name = `${row.spreadsheetId}/${row.tab} ${row.form}`;
    const tab = tabs.get(name) ?? emptyTab(row);
    tabs.set(name, tab);
    tab.accepted += 1;
    const standing = found.inSheet.get(key) ?? 0;
    if (standing > 0) tab['in sheet'] += 1;
    if (standing > 1) {
      tab.doubled += 1;
      report.doubled.push(row);
    }
    if (found.refused.has(key)) tab.refused += 1;
    if (standing > 0 || found.refused.has(key)) continue;
    if (found.buffered.has(key)) tab.buffered += 1;
    else if (found.frozen.has(key)) tab.frozen += 1;
    else if (row.waiting) tab.waiting += 1;
    else if (row.dead) tab['dead letters'] += 1;
    else {
      tab.missing += 1;
      report.missing.push(row);
    }
  }
  report.tabs = [...tabs.values()];
  return report;
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

function emptyTab({ spreadsheetId, tab, form }: LoggedRow): TabReport {
  const counts = {
    waiting: 0,
    buffered: 0,
    frozen: 0,
    refused: 0,
    'dead letters': 0,
    missing: 0,
    doubled: 0,
  };
  return { sheet: `${spreadsheetId}/${tab}`, form, accepted: 0, 'in sheet': 0, ...counts };
}
