import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import * as v from 'valibot';
import { metadataKeys, idColumn } from '../../../functions/lib/sheets/keys.ts';

export interface SheetsEndpoint {
  /** The root of its API. */
  url: string;
  calls(): { reads: number; writes: number; rows: number };
  close(): void;
}

/** Answers like Google Sheets, at once: one spreadsheet with one tab and its columns. Discards the rows. */
export async function startSheetsEndpoint({
  tab,
  columns,
}: {
  tab: string;
  columns: string[];
}): Promise<SheetsEndpoint> {
  const calls = { reads: 0, writes: 0, rows: 0 };
  const layout = layoutOf(tab, [idColumn, ...columns]);
  const server = createServer((req, res) => {
    const answer = (body: string) => {
      res.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
      res.end(body);
    };
    void text(req).then((body) => {
      const isWrite = req.url?.includes(':batchUpdate');
      if (isWrite) calls.writes += 1;
      else calls.reads += 1;
      // Each row begins with this. Parsing 1.5 MB would take this core's time.
      if (isWrite) calls.rows += body.split('{"values":[').length - 1;
      const spreadsheetId = /spreadsheets\/([^/:?]+)/.exec(req.url ?? '')?.[1];
      const replies = isWrite ? Array.from({ length: requestsIn(body) }, () => ({})) : [];
      answer(JSON.stringify({ spreadsheetId, replies, ...(isWrite ? {} : layout) }));
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = v.parse(v.object({ port: v.number() }), server.address());
  return {
    url: `http://127.0.0.1:${port}/`,
    calls: () => ({ ...calls }),
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** The rows come last, in one of them. */
function requestsIn(body: string): number {
  return (
    body.slice(0, 50_000).split(/"(?:createDeveloperMetadata|deleteDeveloperMetadata|appendCells)":/).length -
    1
  );
}

function layoutOf(tab: string, columns: string[]) {
  const sheet = {
    properties: {
      sheetId: 1,
      title: tab,
      gridProperties: { rowCount: 2, columnCount: columns.length },
    },
    developerMetadata: [{ metadataId: 1_000, metadataKey: metadataKeys.tab, metadataValue: tab }],
    data: [
      {
        columnMetadata: columns.map((key, index) => ({
          developerMetadata: [
            { metadataId: index + 1, metadataKey: metadataKeys.column, metadataValue: key },
          ],
        })),
      },
    ],
  };
  return { sheets: [sheet] };
}
