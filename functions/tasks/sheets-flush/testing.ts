import * as v from 'valibot';
import { startTestSheets, type TestSheets } from '../../testing/sheets.ts';
import { openBuffer, type RowBuffer } from '../../lib/buffer/buffer.ts';
import { openRowQueue, type RowQueue } from '../../lib/buffer/row-queue.ts';
import type { Cells } from '../../lib/buffer/types.ts';
import { flush, type FlushOptions, type FlushResult } from './flush.ts';
import { openRedis, type DurableRedis } from '../../lib/stores/redis.ts';
import { openSheets, type Sheets } from '../../lib/sheets/sheets.ts';
import { recordedLog } from '../../testing/log.ts';
import { startTestRedis, type TestRedis } from '../../testing/redis.ts';

/** A Redis and a Google Sheets to flush between. */
export interface Flushing {
  server: TestRedis;
  redis: DurableRedis;
  queue: RowQueue;
  buffer: RowBuffer;
  emulator: TestSheets;
  /** The real client; each call to Google is counted in `calls`. */
  sheets: Sheets;
  calls: string[];
  /** Another spreadsheet; Redis, the faults and the calls are empty then. */
  begin(): Promise<string>;
  /** Row `n`, with the id and the time `n`. */
  push(spreadsheetId: string, n: number, more?: { tab?: string; cells?: Cells }): Promise<boolean>;
  flush(
    more?: Partial<FlushOptions> & { laterMs?: number },
  ): Promise<FlushResult & { lines: ReturnType<typeof recordedLog>['lines'] }>;
  /** What stands in a tab as people see it. */
  rows(spreadsheetId: string, title?: string): Promise<string[][]>;
  close(): Promise<void>;
}

export async function startFlushing(): Promise<Flushing> {
  const server = await startTestRedis();
  const redis = await openRedis({ REDIS_URL: server.url, REDIS_REPLICAS: 0 }, recordedLog().log);
  const queue = openRowQueue({ redis, seenDays: 30 });
  const buffer = openBuffer({ redis });
  const emulator = await startTestSheets();
  const calls: string[] = [];
  const sheets = counting(openSheets({ SHEETS_URL: emulator.url }, { timeout: 5_000 }), (name) =>
    calls.push(name),
  );
  let count = 0;
  return {
    server,
    redis,
    queue,
    buffer,
    emulator,
    sheets,
    calls,
    async begin() {
      count += 1;
      await server.look.flushall();
      await emulator.faults.clear();
      await emulator.make([`s${count}`]);
      calls.length = 0;
      return `s${count}`;
    },
    push: (spreadsheetId, n, { tab = 'form', cells = {} } = {}) =>
      queue.push({
        spreadsheetId,
        tab,
        id: `id-${n}`,
        time: n,
        cells: { '@time': `t${n}`, name: `Name ${n}`, ...cells },
      }),
    async flush({ laterMs = 0, ...more } = {}) {
      const { log, lines } = recordedLog();
      const now = () => Date.now() + laterMs;
      const result = await flush({ buffer, sheets, log, settleMs: 0, now, ...more });
      return { ...result, lines };
    },
    async rows(spreadsheetId, title = 'form') {
      const path = `/v4/spreadsheets/${spreadsheetId}/values/${encodeURIComponent(`'${title}'`)}`;
      return v.parse(Values, await (await fetch(emulator.url + path)).json()).values;
    },
    async close() {
      await emulator.close();
      await redis.close();
      await server.close();
    },
  };
}

const Values = v.object({ values: v.optional(v.array(v.array(v.string())), []) });

/** A client that tells the name of each call before it is made. */
export function counting(client: Sheets, onCall: (name: string) => void): Sheets {
  const note =
    <A extends unknown[], R>(name: string, call: (...args: A) => Promise<R>) =>
    (...args: A): Promise<R> => {
      onCall(name);
      return call(...args);
    };
  return {
    layout: note('layout', client.layout),
    apply: note('apply', client.apply),
    token: note('token', client.token),
    tokens: note('tokens', client.tokens),
    successor: note('successor', client.successor),
    column: note('column', client.column),
    firstFree: note('firstFree', client.firstFree),
    page: note('page', client.page),
  };
}
