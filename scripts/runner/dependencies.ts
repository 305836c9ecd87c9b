import { join } from 'node:path';
import { startMails, type MailsServer } from '../emulators/mails/server.ts';
import { startSheets, type SheetsServer } from '../emulators/sheets/server.ts';
import { commaList } from '../manifests/comma-list.ts';
import type { Service } from '../manifests/types.ts';
import type { Context } from './context.ts';
import { findKafka } from './kafka/given.ts';
import { openKafka, type OpenKafka } from './kafka/open.ts';
import type { Start } from './parts.ts';
import { ensure } from './processes/packages.ts';
import { startPostgres, type Postgres } from './processes/postgres.ts';
import { startRedis, type Redis } from './processes/redis.ts';
import { valuesOf } from './project/environment.ts';
import {
  findGoogle,
  findRedis,
  findSmtp,
  type GivenRedis,
  type GivenSmtp,
  type Google,
} from './project/given.ts';

/** What functions depend on: of the runner's own, or given by its environment. */
export interface Dependencies {
  redis: Redis | GivenRedis;
  /** Undefined when no Service uses one, or one is given. */
  postgres: Postgres | undefined;
  /** Undefined when events go to the Broker without a Kafka. */
  kafka: OpenKafka | undefined;
  sheets: SheetsServer | Google;
  smtp: MailsServer | GivenSmtp;
}

/** @param start starts them side by side; each is stopped as it has to be */
export async function startDependencies({
  start,
  folder,
  manifests,
  env,
  withKafka,
  log,
  say,
}: Pick<Context, 'folder' | 'manifests' | 'env' | 'withKafka' | 'log' | 'say'> & {
  start: Start;
}): Promise<Dependencies> {
  const { services } = manifests;
  const dir = (name: string) => join(folder, name);
  const report = (from: string) => (error: unknown) => log.error({ from, err: error }, 'the emulator failed');
  const given = {
    redis: findRedis(env),
    kafka: findKafka(env),
    google: findGoogle(env),
    smtp: findSmtp(env),
  };
  const needsPostgres =
    !env['DATABASE_URL'] && services.some((one) => one.env.some(({ name }) => name === 'DATABASE_URL'));
  if (!given.redis) ensure(['redis-server'], { say });

  const [redis, postgres, kafka, sheets, smtp] = await Promise.all([
    // One that has to be killed is gone some time later: what it has started ends after it.
    start('redis', async () => given.redis ?? startRedis({ dir: dir('redis'), log }), {
      stop: (redis) => 'close' in redis && redis.close(500),
      withinMs: 1_200,
    }),
    start('postgres', () => (needsPostgres ? startPostgres({ dir: dir('postgres'), log }) : undefined), {
      stop: (postgres) => postgres?.close(600),
      withinMs: 1_200,
    }),
    start(
      'Kafka',
      () =>
        withKafka || given.kafka
          ? openKafka({ given: given.kafka, dir: dir('kafka'), manifests, log, say })
          : undefined,
      { stop: (kafka) => kafka?.close(1_000), withinMs: KAFKA_STOP_MS },
    ),
    start(
      'sheets',
      async () =>
        given.google ??
        startSheets({ dir: dir('sheets'), spreadsheets: spreadsheetsOf(services), report: report('sheets') }),
      { stop: (sheets) => 'close' in sheets && sheets.close(), withinMs: 500 },
    ),
    start('mails', async () => given.smtp ?? startMails({ dir: dir('mails'), report: report('mails') }), {
      stop: (mails) => 'close' in mails && mails.close(),
      withinMs: 500,
    }),
  ]);
  return { redis, postgres, kafka, sheets, smtp };
}

/** What the stop of a Kafka may take. */
export const KAFKA_STOP_MS = 1_500;

/** Spreadsheets that the manifests name. */
export function spreadsheetsOf(services: Service[]): string[] {
  const pools = valuesOf('SPREADSHEET_POOL', services).flatMap(commaList);
  return [...valuesOf('SPREADSHEET_ID', services), ...pools];
}
