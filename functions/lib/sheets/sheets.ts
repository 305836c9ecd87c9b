import { GoogleAuth } from 'google-auth-library';
// The root of googleapis loads every API: 2 s and 100 MB.
import { sheets_v4 } from 'googleapis/build/src/apis/sheets/v4.js';
import * as v from 'valibot';
import type { Env } from '../runtime/env.ts';
import { counter } from '../metrics/metrics.ts';
import {
  batchAnswer,
  columnsAnswer,
  failureOf,
  layoutAnswer,
  layoutFields,
  metadataAnswer,
  metadataFields,
  tokenAnswer,
  type Metadata,
} from './sheets-answers.ts';
import { metadataKeys } from './keys.ts';
import { readTab, type TabLayout } from './layout.ts';
import { columnName, pagesOf, rowsOfAPage } from './ranges.ts';
import { SheetsError } from './sheets-error.ts';

export const sheetsEnv = {
  SHEETS_URL: v.pipe(
    v.optional(v.pipe(v.string(), v.url('not a URL'))),
    v.description("the root of the Sheets API (default: Google's)"),
  ),
};

export type SheetRequest = sheets_v4.Schema$Request;

/** The calls to Google Sheets that a flush makes; all throw SheetsError. None is repeated here. */
export interface Sheets {
  layout(spreadsheetId: string): Promise<TabLayout[]>;
  /** Applies all requests or none. */
  apply(spreadsheetId: string, requests: SheetRequest[]): Promise<void>;
  /** The value of the batch token with this sequence number, '' when something else has the number; undefined when nothing has. */
  token(spreadsheetId: string, sequence: number): Promise<string | undefined>;
  /** All batch tokens that were not deleted. */
  tokens(spreadsheetId: string): Promise<{ sequence: number; value: string }[]>;
  /** The spreadsheet in which this one's rows continue since it is full; undefined when there is none. */
  successor(spreadsheetId: string): Promise<string | undefined>;
  /** The cells of a column of a tab from its first row on; '' for an empty cell. */
  column(spreadsheetId: string, tab: TabLayout, index: number): Promise<string[]>;
  /** The first column of a tab from which on no column is bound, or has anything in it. */
  firstFree(spreadsheetId: string, tab: TabLayout): Promise<number>;
  /** `rowsOfAPage` cells of a column, below the first `above` rows. Empty cells at the end are left out. */
  page(spreadsheetId: string, tab: TabLayout, index: number, above: number): Promise<string[]>;
}

/** Google ends a call after 180 s; no answer comes later than this. https://developers.google.com/workspace/sheets/api/limits */
const timeoutMs = 200_000;

const googles = 'https://sheets.googleapis.com/';

export function openSheets(
  env: Env<typeof sheetsEnv>,
  {
    timeout = timeoutMs,
    auth = env.SHEETS_URL
      ? undefined
      : new GoogleAuth({ scopes: ['https://www.googleapis.com/auth/spreadsheets'] }),
  }: { timeout?: number; auth?: sheets_v4.Options['auth'] } = {},
): Sheets {
  const rootUrl = env.SHEETS_URL ?? googles;
  const api = new sheets_v4.Sheets({
    retry: false,
    timeout,
    fetchImplementation: fetch,
    rootUrl,
    ...(auth ? { auth } : {}),
  });
  return {
    async layout(spreadsheetId) {
      const request = api.spreadsheets.get({ spreadsheetId, fields: layoutFields });
      const { sheets } = await call('layout', spreadsheetId, request, layoutAnswer(spreadsheetId));
      return sheets.map(readTab);
    },
    async apply(spreadsheetId, requests) {
      const request = api.spreadsheets.batchUpdate({ spreadsheetId, requestBody: new Uncopied(requests) });
      await call('batchUpdate', spreadsheetId, request, batchAnswer(spreadsheetId, requests.length));
    },
    async token(spreadsheetId, metadataId) {
      try {
        const request = api.spreadsheets.developerMetadata.get({ spreadsheetId, metadataId });
        const found = await call('token', spreadsheetId, request, tokenAnswer(metadataId));
        return found.metadataKey === metadataKeys.batch ? found.metadataValue : '';
      } catch (error) {
        if (error instanceof SheetsError && error.status === 404) return undefined;
        throw error;
      }
    },
    async tokens(spreadsheetId) {
      const found = await metadataOf(spreadsheetId, metadataKeys.batch);
      return found.map(({ metadataId, metadataValue }) => ({ sequence: metadataId, value: metadataValue }));
    },
    async successor(spreadsheetId) {
      const [found] = await metadataOf(spreadsheetId, metadataKeys.next);
      return found?.metadataValue;
    },
    async column(spreadsheetId, tab, index) {
      const found: string[] = [];
      for (const above of pagesOf(tab)) {
        while (found.length < above) found.push('');
        found.push(...(await page(spreadsheetId, tab, index, above)));
      }
      return found;
    },
    async firstFree(spreadsheetId, tab) {
      const unbound = Math.max(-1, ...tab.columns.values()) + 1;
      if (unbound >= tab.columnCount) return tab.columnCount;
      const last = columnName(tab.columnCount - 1) + tab.rowCount;
      const found = await columns(spreadsheetId, tab, `${columnName(unbound)}1:${last}`);
      return unbound + found.length;
    },
    page,
  };

  async function page(spreadsheetId: string, tab: TabLayout, index: number, above: number) {
    const letters = columnName(index);
    const last = Math.min(above + rowsOfAPage, tab.rowCount);
    const [found = []] = await columns(spreadsheetId, tab, `${letters}${above + 1}:${letters}${last}`);
    return found.map(String);
  }

  async function columns(spreadsheetId: string, { title }: TabLayout, cells: string) {
    const request = api.spreadsheets.values.get({
      spreadsheetId,
      range: `'${title.replaceAll("'", "''")}'!${cells}`,
      majorDimension: 'COLUMNS',
      valueRenderOption: 'UNFORMATTED_VALUE',
    });
    return (await call('column', spreadsheetId, request, columnsAnswer)).values;
  }

  /** Reads all of the spreadsheet's own metadata: the answer to a search for the key would not name the spreadsheet. */
  async function metadataOf(spreadsheetId: string, key: string): Promise<Metadata[]> {
    const request = api.spreadsheets.get({ spreadsheetId, fields: metadataFields });
    const { developerMetadata } = await call(
      'metadata',
      spreadsheetId,
      request,
      metadataAnswer(spreadsheetId),
    );
    return developerMetadata.filter(({ metadataKey }) => metadataKey === key);
  }

  async function call<S extends v.GenericSchema>(
    method: string,
    spreadsheetId: string,
    request: Promise<{ data: unknown }>,
    answer: S,
  ): Promise<v.InferOutput<S>> {
    const count = (code: string) => counter('formbus_sheets_calls_total', method, code).add();
    const what = `Google Sheets, ${method} of ${spreadsheetId}:`;
    let data: unknown;
    try {
      ({ data } = await request);
    } catch (cause) {
      const { answered, status, reason } = failureOf(cause, rootUrl);
      count(String(answered ?? 'none'));
      throw new SheetsError(`${what} ${reason}`, status, { cause });
    }
    const { success, output } = v.safeParse(answer, data, { abortEarly: true });
    count(success ? '200' : 'none');
    if (!success)
      throw new SheetsError(`${what} 200, but not Google's answer; is there a proxy in between?`, undefined);
    return output;
  }
}

/** The client copies plain objects twice, cell by cell; it passes instances of a class on as they are. */
class Uncopied {
  readonly requests: SheetRequest[];

  constructor(requests: SheetRequest[]) {
    this.requests = requests;
  }
}
