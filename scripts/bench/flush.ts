import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { openRowQueue } from '../../functions/lib/buffer/row-queue.ts';
import { openLog } from '../../functions/lib/runtime/log.ts';
import { openRedis } from '../../functions/lib/stores/redis.ts';
import { bundleFunctions } from '../build/bundle.ts';
import { startRedis } from '../runner/processes/redis.ts';
import { temporaryFolder } from '../testing/formbus.ts';
import { pinCores, type Cores } from './parts/cores.ts';
import type { Goal, Measured } from './parts/measured.ts';
import { barPlot } from './parts/plot.ts';
import { startServer } from './parts/server.ts';
import { startSheetsEndpoint, type SheetsEndpoint } from './parts/sheets-endpoint.ts';
import { median, rounded } from './parts/stats.ts';
import { cpuMsOf, memoryKbOf } from './parts/system.ts';

const root = join(import.meta.dirname, '../..');
const spreadsheetId = 'spreadsheet-1';
const tab = 'demo-form';
const sizes = [100_000, 1_000_000];

interface Run {
  rows: number;
  seconds: number;
  cpuSeconds: number;
  peakMb: number;
  writes: number;
  reads: number;
}

/** How fast sheets-flush writes a backlog of 500-byte rows to an endpoint that answers at once, and its memory. */
export async function measure({ runs = 2 }: { runs?: number } = {}): Promise<Measured> {
  const folder = await temporaryFolder();
  const cores = pinCores();
  const sheets = await startSheetsEndpoint({ tab, columns: Object.keys(row(0).cells) });
  const redis = await startRedis({
    dir: join(folder.path, 'redis'),
    log: { info() {}, warn() {}, error() {} },
  });
  const bundle = await bundleFunctions({ root, outDir: join(folder.path, 'bundle') });
  try {
    const found: Run[] = [];
    for (let run = 1; run <= runs; run += 1) {
      for (const rows of sizes) {
        process.stderr.write(`round ${run} of ${runs}: ${rows} rows\n`);
        await fill(redis.url, rows);
        found.push(await empty(rows, { redis: redis.url, bundle, sheets, cores }));
      }
    }
    return result(found, cores);
  } finally {
    sheets.close();
    await redis.close();
    await folder.remove();
  }
}

async function fill(url: string, rows: number): Promise<void> {
  const redis = await openRedis({ REDIS_URL: url, REDIS_REPLICAS: 0 }, openLog('bench', 'warn'));
  const queue = openRowQueue({ redis, seenDays: 1 });
  for (let n = 0; n < rows; n += 5_000)
    await Promise.all(Array.from({ length: Math.min(5_000, rows - n) }, (_, i) => queue.push(row(n + i))));
  await redis.close();
}

/** 500 bytes in Redis. */
function row(n: number) {
  const fields = { name: `Asha Rao ${n}`, roll: '99999', university: 'BCE', cgpa: '8.04', gender: 'F' };
  const cells = { '@time': new Date(0).toISOString(), ...fields, email: 'asha@example.org', message: '' };
  cells.message = 'x'.repeat(500 - JSON.stringify(cells).length);
  return { spreadsheetId, tab, id: randomUUID(), time: n, cells };
}

async function empty(
  rows: number,
  { redis, bundle, sheets, cores }: { redis: string; bundle: string; sheets: SheetsEndpoint; cores: Cores },
): Promise<Run> {
  const env = {
    FUNCTION_TARGET: 'sheets-flush',
    REDIS_URL: redis,
    REDIS_REPLICAS: '0',
    SHEETS_URL: sheets.url,
    SETTLE_SECONDS: '0',
  };
  const flush = await startServer([join(bundle, 'main.mjs')], { cores, env });
  try {
    const before = sheets.calls();
    const cpu = cpuMsOf(flush.pid);
    const begin = performance.now();
    // A run begins no batch after 45 s; the next run continues.
    for (let written = 0; written < rows; written = sheets.calls().rows - before.rows) {
      const headers = {
        'ce-specversion': '1.0',
        'ce-id': randomUUID(),
        'ce-type': 'tick',
        'ce-source': '/bench',
      };
      const { status } = await fetch(flush.url, { method: 'POST', headers });
      if (status !== 204) throw new Error(`the flush answered ${status}`);
    }
    const after = sheets.calls();
    return {
      rows,
      seconds: (performance.now() - begin) / 1_000,
      cpuSeconds: (cpuMsOf(flush.pid) - cpu) / 1_000,
      peakMb: memoryKbOf(flush.pid, 'VmHWM') / 1_024,
      writes: after.writes - before.writes,
      reads: after.reads - before.reads,
    };
  } finally {
    await flush.stop();
  }
}

function result(found: Run[], { how }: Cores): Measured {
  const of = (rows: number, figure: (run: Run) => number) =>
    median(found.filter((run) => run.rows === rows).map(figure));
  const perSecond = (run: Run) => run.rows / run.seconds;
  const perCpuSecond = (run: Run) => run.rows / run.cpuSeconds;
  const table = sizes.map((rows) => ({
    'rows waiting': rows.toLocaleString('en'),
    'rows/s': Math.round(of(rows, perSecond)),
    'rows per CPU second': Math.round(of(rows, perCpuSecond)),
    'write calls': of(rows, (run) => run.writes),
    'read calls': of(rows, (run) => run.reads),
    'rows per write': Math.round(of(rows, (run) => run.rows / run.writes)),
    'peak memory MB': Math.round(of(rows, (run) => run.peakMb)),
  }));
  const [few = 0, many = 0] = sizes;
  const own = of(many, perCpuSecond);
  const perWrite = of(many, (run) => run.rows / run.writes);
  const growth = of(many, (run) => run.peakMb) / of(few, (run) => run.peakMb);
  const goals: Goal[] = [
    { goal: '≥ 50,000 rows/s of our own time', measured: String(Math.round(own)), isReached: own >= 50_000 },
    { goal: '≥ 2,500 rows a write', measured: String(Math.round(perWrite)), isReached: perWrite >= 2_500 },
    {
      goal: 'memory independent of the backlog: ≤ 1.2 × for ten times the rows',
      measured: `${rounded(growth)} ×`,
      isReached: growth <= 1.2,
    },
  ];
  const svg = barPlot({
    title: 'Rows flushed to an endpoint that answers at once',
    unit: 'rows a second; rows of 500 bytes',
    series: ['by the clock', 'of the processor time of the flush'],
    groups: sizes.map((rows) => ({
      label: `${rows.toLocaleString('en')} waiting`,
      values: [of(rows, perSecond), of(rows, perCpuSecond)],
    })),
  });
  return {
    how: how.replace('load and Kafka', 'Redis and the endpoint').replace('server', 'flush'),
    tables: [{ title: 'Flush', rows: table }],
    goals,
    plots: [{ file: 'flush.svg', svg }],
  };
}
