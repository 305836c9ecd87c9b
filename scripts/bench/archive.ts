import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { Client } from 'pg';
import { binaryMessage, submissionEvent } from '../../functions/lib/event/event.ts';
import { startPostgres } from '../runner/processes/postgres.ts';
import { startRedis } from '../runner/processes/redis.ts';
import { temporaryFolder } from '../testing/formbus.ts';
import { postOf, runUsers } from './load/users.ts';
import { pinCores } from './parts/cores.ts';
import { goalOf, type Measured } from './parts/measured.ts';
import { startServer, type Server } from './parts/server.ts';
import { median, rounded } from './parts/stats.ts';
import { cpuMsOf, descendantsOf } from './parts/system.ts';
import { bundleAsImage } from './parts/variants.ts';

const quiet = { info() {}, warn() {}, error() {} };
/** Events that the Broker delivers at once. */
const users = 99;
const eventsEach = 200;
const sizes = [100_000, 1_000_000];
const rowsOfAPage = 5_000;

interface Archived {
  perSecond: number;
  perTaskSecond: number;
  perPostgresSecond: number;
  errors: number;
}

/** How fast the task archive stores submissions in PostgreSQL, and how long the task audit takes for a page of them. */
export async function measure({ runs = 3 }: { runs?: number } = {}): Promise<Measured> {
  const folder = await temporaryFolder();
  const cores = pinCores();
  const postgres = await startPostgres({ dir: join(folder.path, 'postgres'), log: quiet });
  const redis = await startRedis({ dir: join(folder.path, 'redis'), log: quiet });
  const image = await bundleAsImage(join(folder.path, 'bundle'));
  const database = new Client(postgres.url);
  const start = (name: string) => {
    const stores = { DATABASE_URL: postgres.url, REDIS_URL: redis.url, REDIS_REPLICAS: '0' };
    // Nothing listens there: rows without a place in a sheet are not looked for.
    const env = { FUNCTION_TARGET: name, ...stores, SHEETS_URL: 'http://127.0.0.1:9/' };
    return startServer(image, { cores, env });
  };
  try {
    await database.connect();
    const archive = await start('archive');
    const found: Archived[] = [];
    for (let run = 0; run <= runs; run += 1) {
      const archived = await store(archive, postgres.pid());
      // The first round is for warming up.
      if (run > 0) found.push(archived);
      process.stderr.write(`archive, round ${run} of ${runs}\n`);
    }
    const audit = await start('audit');
    const pages: number[] = [];
    for (const rows of sizes) {
      await fill(database, rows);
      const times: number[] = [];
      for (let run = 1; run <= runs; run += 1) times.push(await auditAll(audit));
      pages.push(median(times) / (rows / rowsOfAPage));
      process.stderr.write(`audit of ${rows} rows\n`);
    }
    await Promise.all([archive.stop(), audit.stop()]);
    return result(found, pages, cores.how.replace('load and Kafka', 'PostgreSQL, Redis and load'));
  } finally {
    await database.end();
    await redis.close();
    await postgres.close();
    await folder.remove();
  }
}

async function store({ url, pid }: Server, postgres: number): Promise<Archived> {
  const rows = users * eventsEach;
  const posts = Array.from({ length: rows }, () => postOf(url, binaryMessage(submission())));
  const inPostgres = () => [postgres, ...descendantsOf(postgres)].reduce((sum, one) => sum + cpuMsOf(one), 0);
  let stored = 0;
  const before = { task: cpuMsOf(pid), postgres: inPostgres() };
  const begin = performance.now();
  const record = (_: number, { status }: { status: number | undefined }) => {
    if (status === 204) stored += 1;
  };
  await runUsers({ url, posts, record, users, requests: eventsEach });
  const perSecondOf = (ms: number) => (stored * 1_000) / ms;
  return {
    perSecond: perSecondOf(performance.now() - begin),
    perTaskSecond: perSecondOf(cpuMsOf(pid) - before.task),
    perPostgresSecond: perSecondOf(inPostgres() - before.postgres),
    errors: rows - stored,
  };
}

function submission() {
  const data = {
    name: 'Asha Rao',
    roll: '99999',
    university: 'BCE',
    cgpa: '8.04',
    email: 'asha@example.org',
  };
  return submissionEvent({
    type: 'form.submitted',
    id: randomUUID(),
    form: 'student-data-form',
    receivedAt: new Date(),
    data,
    dataschema: 'urn:formbus:form:student-data-form:00000000',
    spreadsheetId: 'spreadsheet-1',
    tab: 'student-data-form',
    traceparent: undefined,
  });
}

/** So many rows of ten forms, received within the days that an audit looks back, in place of those that are there. */
async function fill(database: Client, rows: number): Promise<void> {
  await database.query('TRUNCATE submissions');
  await database.query(
    `INSERT INTO submissions (id, type, form, received_at, sheet, dataschema, fields, data)
     SELECT 'row-' || n, 'form.submitted', 'form-' || n % 10, now() - interval '6 days' + n * interval '5 days' / $1::int, '',
       '', '["name"]', '{"name": "Asha Rao"}'
     FROM generate_series(0, $1::int - 1) n`,
    [rows],
  );
  await database.query('VACUUM ANALYZE submissions');
}

/** Ticks until the audit is complete; its milliseconds. @throws Error when a tick is answered otherwise */
async function auditAll({ url }: Server): Promise<number> {
  const begin = performance.now();
  for (let isFirst = true; ; isFirst = false) {
    const body = JSON.stringify(isFirst ? {} : { continue: true });
    const headers = { 'content-type': 'application/json', 'ce-specversion': '1.0', 'ce-id': randomUUID() };
    const event = { ...headers, 'ce-type': 'dev.knative.sources.ping', 'ce-source': '/bench' };
    const { status } = await fetch(url, { method: 'POST', headers: event, body });
    if (status === 200) return performance.now() - begin;
    if (status !== 204) throw new Error(`the audit answered ${status}`);
  }
}

function result(found: Archived[], pages: number[], how: string): Measured {
  const of = (figure: (run: Archived) => number) => Math.round(median(found.map(figure)));
  const perPostgresSecond = of((run) => run.perPostgresSecond);
  const archive = {
    'rows/s': of((run) => run.perSecond),
    'rows per second of the task': of((run) => run.perTaskSecond),
    'rows per second of PostgreSQL': perPostgresSecond,
  };
  const [few = Number.NaN, many = Number.NaN] = pages;
  return {
    how,
    tables: [
      { title: 'Archive, one instance; the last two are of processor time', rows: [archive] },
      {
        title: 'Audit, pages of 5,000 rows',
        rows: sizes.map((rows, i) => ({
          rows: rows.toLocaleString('en'),
          'ms a page': rounded(pages[i] ?? Number.NaN),
          'seconds in all': rounded(((pages[i] ?? Number.NaN) * rows) / rowsOfAPage / 1_000),
        })),
      },
    ],
    goals: [
      goalOf('≥ 15,000 rows/s of one core, PostgreSQL', perPostgresSecond, (rows) => rows >= 15_000),
      goalOf('a page of 1,000,000 rows ≤ 1.2 × one of 100,000', many / few, (ratio) => ratio <= 1.2),
    ],
    errors: found.reduce((sum, run) => sum + run.errors, 0),
    plots: [],
  };
}
