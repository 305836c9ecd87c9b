import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { allMetrics } from './gateway/all-metrics.ts';
import { openBroker } from './broker/broker.ts';
import type { DeadLetterSink } from './delivery/send.ts';
import { openClusterLocal } from './gateway/cluster-local.ts';
import { takeDataFolder } from './data-folder/data-folder.ts';
import { openDeadLetterSink } from './broker/dead-letter-sink.ts';
import { deploy } from './project/deployment.ts';
import { describeOverrides, valuesOf } from './project/environment.ts';
import { warnOfUnknownForms } from './project/unknown-forms.ts';
import { openGateway } from './gateway/gateway.ts';
import { findKafka } from './kafka/given.ts';
import { openKafka } from './kafka/open.ts';
import { bundleInto, openLauncher } from './serving/launch.ts';
import { terminalLog, type Log } from './log.ts';
import { startMails } from '../emulators/mails/server.ts';
import { loadManifests, onlyBroker } from '../manifests/manifests.ts';
import type { Service } from '../manifests/types.ts';
import { openMetrics } from './gateway/metrics.ts';
import {
  databaseOf,
  findGoogle,
  findRedis,
  findSmtp,
  localOverrides,
  withoutPassword,
} from './project/overrides.ts';
import { ensure } from './processes/packages.ts';
import { openSchedules } from './schedules/ping.ts';
import { startPostgres } from './processes/postgres.ts';
import { readyText } from './ready-text.ts';
import { startRedis } from './processes/redis.ts';
import { openReloader } from './project/reload.ts';
import { openSecrets } from './project/secrets.ts';
import { openServices, type Services } from './serving/services.ts';
import { startSheets } from '../emulators/sheets/server.ts';
import { stopParts, type Parts } from './stop-parts.ts';
import { openTypeCheck } from './project/type-check.ts';
import { waitingRows } from './gateway/waiting.ts';
import { watchFolders } from './project/watch.ts';

export interface Runner {
  /** Of the gateway. */
  url: string;
  /** Lets requests in flight be answered and stops everything, within 10 s. May be called again. */
  close(): Promise<void>;
}

export interface RunnerOptions {
  /** The folder that holds eventing/, knative/ and functions/. */
  root: string;
  /** The data folder, for this runner alone. Default: .formbus in `root`. */
  data?: string | undefined;
  /** 0 = one from the system. */
  port?: number | undefined;
  host?: string | undefined;
  /** Runs an Apache Kafka and sends events through it; KAFKA_BROKERS in `env` does the same with that Kafka. */
  kafka?: boolean | undefined;
  log?: Log;
  /** Takes the texts for people. */
  say?: (text: string) => void;
  /** Where the values of Secrets and the credentials for Google are looked up. */
  env?: Record<string, string | undefined>;
  /** Gives up the start. What does not come up within seconds then, such as a Kafka, is left to the end of this process. */
  stopping?: AbortSignal;
}

/** How long a start that is given up waits for what is coming up, so that it is stopped as it should be. */
const comingUpMs = 5_000;

/**
 * Runs what `eventing/` and `knative/` describe on this machine, and goes along with changes to them and to `functions/`.
 * @throws Error that says what is wrong and what to do; nothing is left running then
 */
export async function startRunner(options: RunnerOptions): Promise<Runner> {
  const { log = terminalLog() } = options;
  const parts: Parts = {};
  let closed: Promise<void> | undefined;
  const close = () => (closed ??= stopParts(parts, log));
  try {
    return { url: await start({ ...options, log }, parts), close };
  } catch (error) {
    const explained = parts.folder?.explain(error) ?? error;
    await close();
    throw explained;
  }
}

async function start(
  {
    root,
    data = join(root, '.formbus'),
    port = 8080,
    host = '127.0.0.1',
    kafka = false,
    log,
    say = console.log,
    env = process.env,
    stopping = new AbortController().signal,
  }: RunnerOptions & { log: Log },
  parts: Parts,
): Promise<string> {
  const begun = performance.now();
  const watched = ['eventing', 'knative', 'functions'].map((name) => join(root, name));
  parts.watch = await watchFolders(watched, log);
  stopping.throwIfAborted();
  const manifests = loadManifests(root);
  const { services, triggers, pingSources } = manifests;
  const broker = onlyBroker(manifests);

  const folder = resolve(data);
  const take = () => (parts.folder = takeDataFolder(folder, shown(folder)));
  // Two of them on one folder are told so; where the port is taken, nothing is left behind.
  if (existsSync(folder)) take();
  const gateway = (parts.gateway = await openGateway({ port, host }));
  const { announce } = parts.folder ?? take();
  const secretsFile = join(folder, 'secrets.json');
  const secrets = openSecrets(secretsFile);
  const google = findGoogle(env);
  const smtp = findSmtp(env);
  const givenRedis = findRedis(env);
  if (!givenRedis) ensure(['redis-server'], { say });

  const bundles = join(folder, 'functions');
  const givenKafka = findKafka(env);
  const givenDatabase = env['DATABASE_URL'];
  const needsDatabase = services.some((service) => service.env.some(({ name }) => name === 'DATABASE_URL'));
  const running = Promise.withResolvers<Services>();
  running.promise.catch(() => {});
  parts.abandon = () => running.reject(new Error('formbus is stopping'));
  const deadLetterSink: DeadLetterSink = async (...letter) =>
    parts.kafkaConnection?.deadLetterSink(...letter);
  const opening = [
    bundleInto(root, bundles),
    givenRedis
      ? Promise.resolve(givenRedis)
      : startRedis({ dir: join(folder, 'redis'), log }).then((redis) => (parts.redis = redis)),
    needsDatabase && !givenDatabase
      ? startPostgres({ dir: join(folder, 'postgres'), log }).then((postgres) => (parts.postgres = postgres))
      : Promise.resolve(undefined),
    kafka || givenKafka
      ? openKafka({ given: givenKafka, dir: join(folder, 'kafka'), manifests, parts, log, say })
      : Promise.resolve(undefined),
    openBroker({
      file: join(folder, 'events.db'),
      name: broker.name,
      triggers,
      log,
      deadLetterSink,
      send: async (...delivery) => (await running.promise).send(...delivery),
    }).then((opened) => (parts.broker = opened)),
    google
      ? Promise.resolve(google)
      : openSheets(join(folder, 'sheets'), spreadsheetsOf(services), parts, log),
    smtp ? Promise.resolve(smtp) : openMails(join(folder, 'mails'), parts, log),
    openClusterLocal(running.promise).then((opened) => (parts.clusterLocal = opened)),
  ] as const;
  // Whatever fails: what comes up beside it has to be known before all is stopped.
  await Promise.race([Promise.allSettled(opening), sometimeAfter(stopping)]);
  stopping.throwIfAborted();
  const [bundle, redis, postgres, kafkaBrokers, opened, sheets, mails, clusterLocal] =
    await Promise.all(opening);

  const [sink] = manifests.kafkaSinks;
  if (sink) parts.deadLetters = await openDeadLetterSink({ sink, broker: opened, deadLetterSink, log });
  const overrides = localOverrides({
    broker: opened.url,
    deadLetters: parts.deadLetters?.url,
    kafka: givenKafka ?? (kafkaBrokers === undefined ? undefined : { brokers: kafkaBrokers }),
    redis: 'url' in redis ? redis.url : redis,
    database: databaseOf({ own: postgres?.url, given: givenDatabase }),
    sheets: 'url' in sheets ? sheets.url : sheets,
    smtp: 'url' in mails ? mails.url : mails,
    metrics: `${clusterLocal.url}/metrics/`,
    secrets: { values: secrets, file: shown(secretsFile) },
  });
  const deployment = await deploy({ root, manifests, bundle, overrides, ambient: env });
  stopping.throwIfAborted();
  say([describeOverrides(overrides, services), ...(parts.kafkaConnection?.changes ?? [])].join('\n  '));

  const launcher = openLauncher({ root, deployment, log });
  const metrics = openMetrics();
  const { launch } = launcher;
  const runs = (parts.services = openServices({ services, log, launch, answered: metrics.answered }));
  running.resolve(runs);
  parts.kafkaConnection?.startSources({
    broker: opened.url,
    keepLetter: opened.keepLetter,
    send: (to, request, signal) =>
      'uri' in to && to.uri === opened.url ? opened.post(request) : runs.send(to, request, signal),
  });
  const connections = {
    redis: 'url' in redis ? redis.url : redis.given.REDIS_URL,
    broker: opened.url,
    services: clusterLocal.url,
    sheets: 'url' in sheets ? sheets.url : null,
    kafka: kafkaBrokers ?? null,
  };
  const schedules = (parts.schedules = openSchedules({ sources: pingSources, send: runs.send, log }));
  const gatewayParts = {
    forms: formsOf(services),
    services: runs,
    deadLetters: opened.deadLetters,
    redrive: opened.redrive,
    events: opened.events,
    redeliver: opened.redeliver,
    connections: { ...connections, redis: withoutPassword(connections.redis), data: folder },
    metrics: () =>
      allMetrics({
        metrics,
        services: runs,
        broker: opened,
        brokerManifest: broker,
        sinks: manifests.kafkaSinks,
        kafka: parts.kafkaConnection,
      }),
    waiting: () => waitingRows(runs, schedules.status()),
    async delivered() {
      await parts.kafkaConnection?.idle(5_000);
      await opened.idle(5_000);
    },
    schedules,
    sheets: parts.sheets?.handle,
    mails: parts.mails?.handle,
  };
  gateway.open(gatewayParts);
  const reloader = (parts.reloader = openReloader({
    root,
    bundles,
    inUse: launcher.inUse,
    overrides,
    ambient: env,
    kafka: kafkaBrokers !== undefined,
    deployment,
    apply(next, changed) {
      const { services, triggers, pingSources } = next.manifests;
      // What may fail comes first. Who is called is there before who calls.
      parts.sheets?.make(spreadsheetsOf(services));
      schedules.reconcile(pingSources);
      launcher.use(next);
      runs.reconcile(services, changed);
      opened.reconcile(triggers);
      const forms = formsOf(services);
      gateway.open({ ...gatewayParts, forms });
      warnOfUnknownForms(triggers, forms, log);
    },
    log,
  }));
  const types = (parts.types = openTypeCheck({ root, dir: join(folder, 'types'), log }));
  parts.watch.onChange(() => {
    reloader.wake();
    types.wake();
  });
  warnOfUnknownForms(triggers, gatewayParts.forms, log);
  announce({ url: gateway.url, ...connections, database: postgres?.url ?? null });
  say(
    readyText({
      url: gateway.url,
      forms: gatewayParts.forms,
      schedules: schedules.status(),
      sheets: !google,
      mails: !smtp,
      kafka: kafkaBrokers,
      data: shown(folder),
      ms: performance.now() - begun,
    }),
  );
  return gateway.url;
}

async function sometimeAfter(signal: AbortSignal) {
  if (!signal.aborted) await once(signal, 'abort');
  await sleep(comingUpMs);
}

async function openSheets(dir: string, spreadsheets: string[], parts: Parts, log: Log) {
  const report = (error: unknown) => log.error({ from: 'sheets', err: error }, 'the emulator failed');
  return (parts.sheets = await startSheets({ dir, spreadsheets, report }));
}

async function openMails(dir: string, parts: Parts, log: Log) {
  const report = (error: unknown) => log.error({ from: 'mails', err: error }, 'the SMTP server failed');
  return (parts.mails = await startMails({ dir, report }));
}

const formsOf = (services: Service[]) =>
  services.filter(({ clusterLocal }) => !clusterLocal).map(({ name }) => name);

/** Spreadsheets that the manifests name. */
function spreadsheetsOf(services: Service[]): string[] {
  const pools = valuesOf('SPREADSHEET_POOL', services).flatMap((list) => list.split(','));
  return [...valuesOf('SPREADSHEET_ID', services), ...pools.map((id) => id.trim()).filter(Boolean)];
}

/** A path as people write it who are in the current folder. */
function shown(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') ? path : short || '.';
}
