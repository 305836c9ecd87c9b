import { randomUUID } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import * as v from 'valibot';
import { openBuffer } from '../../functions/lib/buffer/buffer.ts';
import { openRowQueue } from '../../functions/lib/buffer/row-queue.ts';
import { Submission } from '../../functions/lib/event/submission.ts';
import { submissionEvent } from '../../functions/lib/event/event.ts';
import { openLog } from '../../functions/lib/runtime/log.ts';
import { openDatabase } from '../../functions/lib/stores/postgres.ts';
import { openKafkaPublisher } from '../../functions/lib/publish/publish-kafka.ts';
import { openRedis } from '../../functions/lib/stores/redis.ts';
import { buildIndex } from '../../functions/tasks/archive/index-build.ts';
import { openArchive } from '../../functions/tasks/archive/store.ts';
import { openClaims } from '../../functions/tasks/send-confirmation/claims/claims.ts';
import { startPostgres } from '../runner/processes/postgres.ts';
import { startRedis } from '../runner/processes/redis.ts';
import { temporaryFolder } from '../testing/formbus.ts';
import { startBenchKafka } from './parts/kafka.ts';
import type { Measured } from './parts/measured.ts';

const root = join(import.meta.dirname, '../..');
const log = openLog('bench', 'error');
const quiet = { info() {}, warn() {}, error() {} };
const form = 'student-data-form';
const submissions = 100_000;

/** The bytes of one submission in each store. Needed space is this times the number of submissions that the store keeps. */
export async function measure(): Promise<Measured> {
  const folder = await temporaryFolder();
  try {
    const kafka = await inKafka(folder.path, submissions);
    const redis = await inRedis(folder.path, submissions);
    const postgres = await inPostgres(folder.path, submissions);
    const found = [...kafka, ...redis, ...postgres];
    const rows = found.map(([where, bytes]) => ({ where, bytes: Math.round(bytes) }));
    const data = Buffer.byteLength(JSON.stringify(submission().data));
    const how = `${submissions.toLocaleString('en')} submissions of student-data-form, once, with ${data} bytes of data each`;
    return { how, tables: [{ title: 'What a submission takes', rows }], goals: [], plots: [] };
  } finally {
    await folder.remove();
  }
}

type Found = [where: string, bytes: number];

/** On the disk of one broker. */
async function inKafka(dir: string, count: number): Promise<Found[]> {
  const kafka = await startBenchKafka(root, dir);
  const topic = 'form-submissions';
  const env = { KAFKA_BROKERS: kafka.url, KAFKA_TOPIC: topic };
  const publisher = openKafkaPublisher(
    { ...env, KAFKA_TLS: 'false', KAFKA_SASL_MECHANISM: 'scram-sha-512' },
    log,
  );
  const size = () => sizeOf(join(dir, 'kafka'), topic);
  try {
    const few = Math.ceil(count / 100);
    for (let n = 0; n < few; n += 1) await publisher.publish(submission());
    const alone = size();
    await inTurns(count, 2_000, () => publisher.publish(submission()));
    return [
      ['Kafka, a topic, one broker: submissions that come one by one', alone / few],
      ['Kafka, a topic, one broker: thousands at once', (size() - alone) / count],
    ];
  } finally {
    await publisher.close();
    await kafka.close(0);
  }
}

function sizeOf(dir: string, topic: string): number {
  const logs = readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.includes(`/${topic}-`) && file.endsWith('.log'),
  );
  return logs.reduce((sum, file) => sum + statSync(join(dir, file)).size, 0);
}

/** In memory. */
async function inRedis(dir: string, count: number): Promise<Found[]> {
  const server = await startRedis({ dir: join(dir, 'redis'), log: quiet });
  const redis = await openRedis({ REDIS_URL: server.url, REDIS_REPLICAS: 0 }, log);
  const look = new Redis(server.url);
  const used = async () => Number(/used_memory:(\d+)/.exec(await look.info('memory'))?.[1]);
  const buffer = openBuffer({ redis });
  const queue = openRowQueue({ redis, seenDays: 1 });
  const claims = openClaims({
    redis,
    days: 1,
    caps: { recipient: 10, domain: count, form: count },
    takenMs: 10_000,
    givenMs: 60_000,
  });
  try {
    const empty = await used();
    await inTurns(count, 5_000, async () => {
      const { id, data: cells = {} } = submission();
      await queue.push({ spreadsheetId: 'spreadsheet-1', tab: form, id, time: Date.now(), cells });
    });
    const full = await used();
    for (;;) {
      const batch = await buffer.nextBatch('spreadsheet-1', { before: Number.MAX_SAFE_INTEGER });
      if (!batch) break;
      await buffer.acknowledge(batch);
    }
    const seen = await used();
    await inTurns(count, 5_000, async () => {
      const id = randomUUID();
      const claim = await claims.take(id, { recipient: id, domain: 'd', form: 'f', redrive: '' });
      if (claim.kind !== 'mine') throw new Error(`a claim is ${claim.kind}`);
      await claims.give(id, claim.holder);
      await claims.sent(id);
    });
    const mailed = await used();
    // Redis counts the mails of each recipient for two days; a recipient for each mail is the worst case.
    const days = await look.keys('mail:day:*');
    for (let n = 0; n < days.length; n += 1_000) await look.del(...days.slice(n, n + 1_000));
    return [
      ['Redis: a row that waits for the flush', (full - empty) / count],
      ['Redis: the id that is remembered for SEEN_DAYS', (seen - empty) / count],
      ['Redis: the same of a mail', ((await used()) - seen) / count],
      ['Redis: a recipient of the last two days', (mailed - (await used())) / count],
    ];
  } finally {
    look.disconnect();
    await redis.close();
    await server.close();
  }
}

/** On disk, indexes included. */
async function inPostgres(dir: string, count: number): Promise<Found[]> {
  const server = await startPostgres({ dir: join(dir, 'postgres'), log: quiet });
  const database = openDatabase({ DATABASE_URL: server.url }, log);
  const archive = openArchive(database);
  const keep = async () => void (await archive.keep(v.parse(Submission, submission())));
  try {
    await keep();
    await buildIndex(database, log);
    await inTurns(count, 2_000, keep);
    const { rows } = await database.query(`SELECT pg_total_relation_size('submissions') AS bytes`);
    return [['PostgreSQL: a submission in the archive', Number(rows[0]?.['bytes']) / count]];
  } finally {
    await database.close();
    await server.close();
  }
}

async function inTurns(count: number, atOnce: number, work: () => Promise<unknown>): Promise<void> {
  for (let n = 0; n < count; n += atOnce)
    await Promise.all(Array.from({ length: Math.min(atOnce, count - n) }, work));
}

function submission() {
  const data = {
    name: 'Asha Rao',
    roll: '99999',
    university: 'BCE',
    cgpa: '8.04',
    gender: 'F',
    email: 'asha@example.org',
    message:
      'I would like to know when the next semester begins, and what I have to bring along on the first day.',
  };
  return submissionEvent({
    type: 'form.submitted',
    id: randomUUID(),
    form,
    receivedAt: new Date(),
    data,
    dataschema: 'urn:formbus:form:student-data-form:5731b9bc',
    spreadsheetId: '1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms',
    tab: form,
    traceparent: undefined,
  });
}
