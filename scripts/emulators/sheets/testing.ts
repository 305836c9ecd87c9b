import { once } from 'node:events';
import { createServer } from 'node:http';
import { sheets_v4 } from 'googleapis/build/src/apis/sheets/v4.js';
import { onTestFinished } from 'vitest';
import { temporaryFolder } from '../testing.ts';
import { type SheetsOptions, type SheetsServer, startSheets } from './server.ts';

/** The spreadsheet that every test's emulator has. */
export const BOOK = 'book-1';

export interface TestSheets extends SheetsServer {
  dir: string;
  api: sheets_v4.Resource$Spreadsheets;
  /** Applies requests to the test's spreadsheet. */
  apply(...requests: sheets_v4.Schema$Request[]): Promise<sheets_v4.Schema$Response[]>;
  /** What stands in a range of the test's spreadsheet. */
  values(range: string): Promise<unknown[][]>;
}

/** An emulator in a folder of its own, gone when the test is over. */
export async function testSheets(options: Partial<SheetsOptions> = {}): Promise<TestSheets> {
  const dir = options.dir ?? temporaryFolder();
  const server = await startSheets({ spreadsheets: [BOOK], quota: PLENTY, ...options, dir });
  let open = true;
  const close = async () => {
    if (open) await server.close();
    open = false;
  };
  onTestFinished(close);
  const api = client(server.url);
  return {
    ...server,
    close,
    dir,
    api,
    async apply(...requests) {
      const { data } = await api.batchUpdate({ spreadsheetId: BOOK, requestBody: { requests } });
      return data.replies ?? [];
    },
    async values(range) {
      const { data } = await api.values.get({ spreadsheetId: BOOK, range });
      return data.values ?? [];
    },
  };
}

/** The real client; it does not retry, so that a test sees every answer. */
export function client(rootUrl: string): sheets_v4.Resource$Spreadsheets {
  return new sheets_v4.Sheets({ rootUrl, retry: false }).spreadsheets;
}

/** Rows of texts as the API takes them; an empty text is an empty cell. */
export function texts(...rows: string[][]): sheets_v4.Schema$RowData[] {
  return rows.map((row) => ({
    values: row.map((text) => (text === '' ? {} : { userEnteredValue: { stringValue: text } })),
  }));
}

/** A tab of its own with the id 7 for a test: a heading and its rows, in exactly as many columns. */
export function tab(title: string, ...rows: string[][]): sheets_v4.Schema$Request[] {
  const columnCount = Math.max(...rows.map((row) => row.length));
  return [
    {
      addSheet: {
        properties: { sheetId: 7, title, gridProperties: { columnCount, rowCount: 100, frozenRowCount: 1 } },
      },
    },
    { appendCells: { sheetId: 7, rows: texts(...rows), fields: 'userEnteredValue' } },
  ];
}

const PLENTY = { perUser: 10_000, perProject: 10_000 };

/** The emulator's pages at an address of their own, as a gateway in front of it serves them. */
export async function testPages(
  options: Partial<SheetsOptions> = {},
): Promise<TestSheets & { pages: string }> {
  const sheets = await testSheets(options);
  const gateway = createServer((req, res) => {
    const path = req.url?.slice('/_/sheets/'.length) ?? '';
    if (!sheets.handle(req, res, path)) res.writeHead(405).end();
  });
  gateway.listen(0, '127.0.0.1');
  await once(gateway, 'listening');
  onTestFinished(async () => {
    gateway.closeAllConnections();
    gateway.close();
    await once(gateway, 'close');
  });
  const address = gateway.address();
  if (address === null || typeof address === 'string') throw new Error('The gateway listens on no port.');
  return { ...sheets, pages: `http://127.0.0.1:${address.port}/_/sheets/` };
}
