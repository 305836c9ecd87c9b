import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { shown } from '../cli/root.ts';
import { loadManifests, onlyBroker } from '../manifests/manifests.ts';
import { startApplication } from './application.ts';
import type { Context } from './context.ts';
import { openBroker } from './broker/broker.ts';
import { openDeadLetterSink } from './broker/dead-letter-sink.ts';
import { takeDataFolder } from './data-folder/data-folder.ts';
import { startDependencies } from './dependencies.ts';
import { openClusterLocal } from './gateway/cluster-local.ts';
import { openGateway } from './gateway/gateway.ts';
import { terminalLog, type Log } from './log.ts';
import { closing, openParts, type Parts } from './parts.ts';
import { deploy } from './project/deployment.ts';
import { describeOverrides } from './project/environment.ts';
import { databaseOf } from './project/given.ts';
import { localOverrides } from './project/overrides.ts';
import { openSecrets } from './project/secrets.ts';
import { watchFolders } from './project/watch.ts';
import { readyText } from './ready-text.ts';
import { bundleInto } from './serving/launch.ts';
import type { Services } from './serving/services.ts';

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

/**
 * Runs what `eventing/` and `knative/` describe on this machine, and goes along with changes to them and to `functions/`.
 * @throws Error that says what is wrong and what to do; nothing is left running then
 */
export async function startRunner({
  root,
  data = join(root, '.formbus'),
  port = 8080,
  host = '127.0.0.1',
  kafka = false,
  log = terminalLog(),
  say = console.log,
  env = process.env,
  stopping = new AbortController().signal,
}: RunnerOptions): Promise<Runner> {
  const began = performance.now();
  const parts = openParts({ log, stopping });
  try {
    const folders = ['eventing', 'knative', 'functions'].map((name) => join(root, name));
    const watch = await parts.start('watch', () => watchFolders(folders, log), closing());
    const manifests = loadManifests(root);
    onlyBroker(manifests);
    const folder = resolve(data);
    const { dataFolder, gateway } = await open({ parts, folder, port, host });
    const given = { root, folder, manifests, watch, dataFolder, gateway, withKafka: kafka, env, log, say };
    await run({ ...given, parts, began }).catch((error: unknown) => {
      throw dataFolder.explain(error);
    });
    return { url: gateway.url, close: parts.stop };
  } catch (error) {
    await parts.stop();
    throw error;
  }
}

/** A second runner on the folder is refused before it listens; where the port is taken, no folder is left behind. */
async function open({
  parts,
  folder,
  port,
  host,
}: {
  parts: Parts;
  folder: string;
  port: number;
  host: string;
}) {
  const take = () => parts.start('data folder', () => takeDataFolder(folder, shown(folder)), closing());
  const taken = existsSync(folder) ? await take() : undefined;
  const gateway = await parts.start('gateway', () => openGateway({ port, host }), {
    stop: ({ close }) => close(0),
    withinMs: 500,
  });
  return { gateway, dataFolder: taken ?? (await take()) };
}

/**
 * Starts everything else, each part after those that it needs, so that it is stopped before them: nothing new comes in, what is under way
 * is finished while all that it needs still runs. A part whose address others need opens early and goes into operation late.
 */
async function run(context: Context): Promise<void> {
  const { root, folder, manifests, parts, env, log, say } = context;
  const { services, triggers } = manifests;
  const secretsFile = join(folder, 'secrets.json');
  const secrets = openSecrets(secretsFile);
  const bundles = join(folder, 'functions');
  const running = Promise.withResolvers<Services>();

  const start = parts.group();
  const [dependencies, bundle, clusterLocal] = await Promise.all([
    startDependencies({ ...context, start }),
    start('bundle', () => bundleInto(root, bundles)),
    start('calls between services', () => openClusterLocal(running.promise), closing()),
  ]);
  const { redis, postgres, kafka, sheets, smtp } = dependencies;
  const deadLetterSink = kafka?.connection.deadLetterSink ?? (async () => {});
  const opening = () =>
    openBroker({
      file: join(folder, 'events.db'),
      name: onlyBroker(manifests).name,
      triggers,
      log,
      deadLetterSink,
      send: async (...delivery) => (await running.promise).send(...delivery),
    });
  const broker = await parts.start('broker', opening, closing(1_500));
  const [sink] = manifests.kafkaSinks;
  const deadLetters =
    sink &&
    (await parts.start(
      'dead letters',
      () => openDeadLetterSink({ sink, broker, deadLetterSink, log }),
      closing(),
    ));

  const overrides = localOverrides({
    broker: broker.url,
    deadLetters: deadLetters?.url,
    kafka,
    redis: 'url' in redis ? redis.url : redis,
    database: databaseOf({ own: postgres?.url, given: env['DATABASE_URL'] }),
    sheets: 'url' in sheets ? sheets.url : sheets,
    smtp: 'url' in smtp ? smtp.url : smtp,
    metrics: `${clusterLocal.url}/metrics/`,
    secrets: { values: secrets, file: shown(secretsFile) },
  });
  const deployment = await deploy({ root, manifests, bundle, overrides, ambient: env });
  say([describeOverrides(overrides, services), ...(kafka?.connection.changes ?? [])].join('\n  '));

  const connections = {
    redis: 'url' in redis ? redis.url : redis.given.REDIS_URL,
    broker: broker.url,
    services: clusterLocal.url,
    sheets: 'url' in sheets ? sheets.url : null,
    kafka: kafka?.brokers ?? null,
  };
  const application = { ...context, bundles, dependencies, broker, overrides, deployment, connections };
  const { forms, schedules } = await startApplication({ ...application, serve: running.resolve });
  context.dataFolder.announce({
    url: context.gateway.url,
    ...connections,
    database: postgres?.url ?? null,
  });
  say(
    readyText({
      url: context.gateway.url,
      forms,
      schedules,
      sheets: 'url' in sheets,
      mails: 'url' in smtp,
      kafka: kafka?.brokers,
      data: shown(folder),
      ms: performance.now() - context.began,
    }),
  );
}
