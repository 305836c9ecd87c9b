import { GoogleAuth } from 'google-auth-library';
// The root of googleapis loads every API: 2 s and 100 MB.
import { sheets_v4 } from 'googleapis/build/src/apis/sheets/v4.js';
import * as v from 'valibot';
import type { Env } from './env.ts';
import { counter } from './metrics.ts';

export const sheetsEnv = {
  SHEETS_URL: v.pipe(
    v.optional(v.pipe(v.string(), v.url('not a URL'))),
    v.description("the root of the Sheets API (default: Google's)"),
  ),
};

/** Keys of the developer metadata that bind Formbus's things in a spreadsheet; short, as 30,000 characters are all there is. */
export const metadataKeys = {
  batch: 'fb',
  tab: 'formbus.tab',
  column: 'formbus.column',
  next: 'formbus.next',
  last: 'formbus.last',
};

export type SheetRequest = sheets_v4.Schema$Request;

/** A tab and where its columns are now, wherever people have moved them. */
export interface TabLayout {
  sheetId: number;
  title: string;
  /** What it was made for; undefined for a tab that is not Formbus's. */
  tab: string | undefined;
  rowCount: number;
  columnCount: number;
  /** Column key → index, from 0. */
  columns: Map<string, number>;
  /** Column key → id of the developer metadata that binds it. */
  bindings: Map<string, number>;
}

/** What Google said to a call: `status` is undefined when no answer came, and then nobody knows whether it was done. */
export class SheetsError extends Error {
  override name = 'SheetsError';
  readonly status: number | undefined;

  constructor(message: string, status: number | undefined, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

/** The calls to Google Sheets that a flush makes; all throw SheetsError. None is repeated by itself. */
export interface Sheets {
  layout(spreadsheetId: string): Promise<TabLayout[]>;
  /** Applies all requests or none. */
  apply(spreadsheetId: string, requests: SheetRequest[]): Promise<void>;
  /** The value of the batch token with this sequence number, undefined when there is none. */
  token(spreadsheetId: string, sequence: number): Promise<string | undefined>;
  /** The sequence numbers of all batch tokens that are still there. */
  tokens(spreadsheetId: string): Promise<number[]>;
  /** The spreadsheet in which this one's rows go on since it is full; undefined when there is none. */
  successor(spreadsheetId: string): Promise<string | undefined>;
  /** What stands in a column of a tab below its heading, row by row; '' for an empty cell. */
  column(spreadsheetId: string, tab: TabLayout, index: number): Promise<string[]>;
  /** `rowsOfAPage` rows of the same, beginning with the one that has `above` rows above it. What is empty at its end is left out. */
  page(spreadsheetId: string, tab: TabLayout, index: number, above: number): Promise<string[]>;
}

/** Google gives a call 180 s; an answer later than this is none. https://developers.google.com/workspace/sheets/api/limits */
const timeoutMs = 200_000;

const layoutFields =
  'sheets(properties(sheetId,title,gridProperties(rowCount,columnCount)),developerMetadata(metadataKey,metadataValue),' +
  'data(columnMetadata(developerMetadata(metadataId,metadataKey,metadataValue))))';

export function openSheets(env: Env<typeof sheetsEnv>, { timeout = timeoutMs } = {}): Sheets {
  const api = new sheets_v4.Sheets({
    retry: false,
    timeout,
    fetchImplementation: fetch,
    ...(env.SHEETS_URL
      ? { rootUrl: env.SHEETS_URL }
      : { auth: new GoogleAuth({ scopes: ['https://www.googleapis.com/auth/spreadsheets'] }) }),
  });
  return {
    async layout(spreadsheetId) {
      const { data } = await call(
        'layout',
        spreadsheetId,
        api.spreadsheets.get({ spreadsheetId, fields: layoutFields }),
      );
      return (data.sheets ?? []).map(readTab);
    },
    async apply(spreadsheetId, requests) {
      await call(
        'batchUpdate',
        spreadsheetId,
        api.spreadsheets.batchUpdate({ spreadsheetId, requestBody: new Uncopied(requests) }),
      );
    },
    async token(spreadsheetId, metadataId) {
      try {
        const request = api.spreadsheets.developerMetadata.get({ spreadsheetId, metadataId });
        const { data } = await call('token', spreadsheetId, request);
        return data.metadataValue ?? '';
      } catch (error) {
        if (error instanceof SheetsError && error.status === 404) return undefined;
        throw error;
      }
    },
    async tokens(spreadsheetId) {
      const found = await metadataOf(spreadsheetId, metadataKeys.batch);
      return found.flatMap(({ metadataId }) => metadataId ?? []);
    },
    async successor(spreadsheetId) {
      const [found] = await metadataOf(spreadsheetId, metadataKeys.next);
      return found?.metadataValue ?? undefined;
    },
    async column(spreadsheetId, tab, index) {
      const found: string[] = [];
      for (const above of pagesOf(tab)) {
        while (found.length < above) found.push('');
        found.push(...(await page(spreadsheetId, tab, index, above)));
      }
      return found;
    },
    page,
  };

  async function page(spreadsheetId: string, { title, rowCount }: TabLayout, index: number, above: number) {
    const letters = columnName(index);
    const last = Math.min(above + rowsOfAPage + 1, rowCount);
    const range = `'${title.replaceAll("'", "''")}'!${letters}${above + 2}:${letters}${last}`;
    const request = api.spreadsheets.values.get({ spreadsheetId, range, majorDimension: 'COLUMNS' });
    const { data } = await call('column', spreadsheetId, request);
    return (data.values?.[0] ?? []).map(String);
  }

  async function metadataOf(spreadsheetId: string, metadataKey: string) {
    const requestBody = { dataFilters: [{ developerMetadataLookup: { metadataKey } }] };
    const request = api.spreadsheets.developerMetadata.search({ spreadsheetId, requestBody });
    const { data } = await call('search', spreadsheetId, request);
    return (data.matchedDeveloperMetadata ?? []).flatMap((match) => match.developerMetadata ?? []);
  }
}

/** The client copies plain objects twice on their way, cell by cell; instances of a class it passes on. */
class Uncopied {
  readonly requests: SheetRequest[];

  constructor(requests: SheetRequest[]) {
    this.requests = requests;
  }
}

/** About 4 MB of ids. */
const rowsOfAPage = 100_000;

/** How many rows stand above each page of a column. */
export function pagesOf({ rowCount }: Pick<TabLayout, 'rowCount'>): number[] {
  return Array.from({ length: Math.ceil((rowCount - 1) / rowsOfAPage) }, (_, n) => n * rowsOfAPage);
}

/** A, B, …, Z, AA, … */
function columnName(index: number): string {
  const last = String.fromCharCode(65 + (index % 26));
  return index < 26 ? last : columnName(Math.floor(index / 26) - 1) + last;
}

function readTab(sheet: sheets_v4.Schema$Sheet): TabLayout {
  const columns = new Map<string, number>();
  const bindings = new Map<string, number>();
  for (const [index, column] of (sheet.data?.[0]?.columnMetadata ?? []).entries()) {
    const bound = entryOf(column.developerMetadata, metadataKeys.column);
    const key = bound?.metadataValue ?? undefined;
    // A copied column has a copy of the binding; the left one counts.
    if (key === undefined || columns.has(key)) continue;
    columns.set(key, index);
    bindings.set(key, bound?.metadataId ?? 0);
  }
  return {
    sheetId: sheet.properties?.sheetId ?? 0,
    title: sheet.properties?.title ?? '',
    tab: entryOf(sheet.developerMetadata, metadataKeys.tab)?.metadataValue ?? undefined,
    rowCount: sheet.properties?.gridProperties?.rowCount ?? 0,
    columnCount: sheet.properties?.gridProperties?.columnCount ?? 0,
    columns,
    bindings,
  };
}

function entryOf(metadata: sheets_v4.Schema$DeveloperMetadata[] | undefined, key: string) {
  return metadata?.find((entry) => entry.metadataKey === key);
}

const Failure = v.object({ message: v.string(), status: v.optional(v.number()) });

async function call<T>(method: string, spreadsheetId: string, request: Promise<T>): Promise<T> {
  const count = (code: string) => counter('formbus_sheets_calls_total', method, code).add();
  try {
    const answer = await request;
    count('200');
    return answer;
  } catch (cause) {
    const failure = v.safeParse(Failure, cause);
    const status = failure.success ? failure.output.status : undefined;
    const message = failure.success ? failure.output.message : String(cause);
    count(String(status ?? 'none'));
    throw new SheetsError(
      `Google Sheets, ${method} of ${spreadsheetId}: ${status ?? 'no answer'}, ${message}`,
      status,
      { cause },
    );
  }
}
