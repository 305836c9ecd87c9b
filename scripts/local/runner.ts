import { mkdirSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { basename, join, relative, resolve } from 'node:path';
import { bundleFunctions } from '../bundle.ts';
import { openBroker } from './broker.ts';
import { checkFunctions } from './check.ts';
import { describeOverrides, resolveEnvironments, valuesOf, type Env } from './environment.ts';
import { openGateway } from './gateway.ts';
import { startInstance } from './instance.ts';
import { takeLock } from './lock.ts';
import { logOutput, terminalLog, type Log } from './log.ts';
import { loadManifests, type Service } from './manifests.ts';
import { findGoogle, localOverrides } from './overrides.ts';
import { ensure } from './packages.ts';
import { openSchedules } from './ping.ts';
import { readyText } from './ready-text.ts';
import { startRedis } from './redis.ts';
import { openSecrets } from './secrets.ts';
import { openServices, type Services } from './services.ts';
import { startSheets } from './sheets/server.ts';
import { stopParts, type Parts } from './stop-parts.ts';

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
  log?: Log;
  /** Takes the texts for people. */
  say?: (text: string) => void;
  /** Where the values of Secrets and the credentials for Google are looked up. */
  env?: Record<string, string | undefined>;
}

/**
 * Runs what `eventing/` and `knative/` describe on this machine.
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
    await close();
    throw error;
  }
}

async function start(
  {
    root,
    data = join(root, '.formbus'),
    port = 8080,
    host = '127.0.0.1',
    log,
    say = console.log,
    env = process.env,
  }: RunnerOptions & { log: Log },
  parts: Parts,
): Promise<string> {
  const begun = performance.now();
  const { services, triggers, pingSources, brokers } = loadManifests(root);
  const [broker, ...otherBrokers] = brokers;
  if (!broker || otherBrokers.length > 0)
    throw new Error(`eventing/ must have one Broker, it has ${brokers.length}`);

  const folder = resolve(data);
  mkdirSync(folder, { recursive: true });
  const busy = `data folder ${shown(folder)} is in use by another formbus; stop it or choose another one with --data`;
  parts.unlock = takeLock(join(folder, 'lock'), busy);
  const gateway = (parts.gateway = await openGateway({ port, host }));
  ensure(['redis-server'], { say });
  const secretsFile = join(folder, 'secrets.json');
  const secrets = openSecrets(secretsFile);
  const google = findGoogle(env);
  const spreadsheets = valuesOf('SPREADSHEET_ID', services);

  const running = Promise.withResolvers<Services>();
  running.promise.catch(() => {});
  parts.abandon = () => running.reject(new Error('formbus is stopping'));
  const opening = [
    bundleInto(root, join(folder, 'functions')),
    startRedis({ dir: join(folder, 'redis'), log }).then((redis) => (parts.redis = redis)),
    openBroker({
      file: join(folder, 'events.db'),
      name: broker.name,
      triggers,
      log,
      send: async (...delivery) => (await running.promise).send(...delivery),
    }).then((opened) => (parts.broker = opened)),
    google ? Promise.resolve(google) : openSheets(join(folder, 'sheets'), spreadsheets, parts, log),
  ] as const;
  // Whatever fails: what comes up beside it has to be known before all is stopped.
  await Promise.allSettled(opening);
  const [bundle, redis, opened, sheets] = await Promise.all(opening);

  const overrides = localOverrides({
    broker: opened.url,
    redis: redis.url,
    sheets: 'url' in sheets ? sheets.url : sheets,
    secret: { value: secrets.IDEMPOTENCY_SECRET, file: shown(secretsFile) },
  });
  const environments = resolveEnvironments({ services, overrides, ambient: env });
  say(describeOverrides(overrides, services));
  const compileCache = join(bundle, '.compile-cache');
  await checkFunctions({ services, environments, bundle, compileCache });

  parts.services = openServices({
    services,
    log,
    launch: launcher({ bundle, compileCache, environments, log }),
  });
  running.resolve(parts.services);
  parts.schedules = openSchedules({ sources: pingSources, send: parts.services.send, log });
  const forms = services.filter(({ clusterLocal }) => !clusterLocal).map(({ name }) => name);
  gateway.open({
    forms,
    services: parts.services,
    deadLetters: opened.deadLetters,
    events: opened.events,
    redeliver: opened.redeliver,
    connections: { redis: redis.url, sheets: 'url' in sheets ? sheets.url : null },
    delivered: () => opened.idle(5_000),
    schedules: parts.schedules,
    sheets: parts.sheets?.handle,
  });
  const schedules = parts.schedules.status();
  say(
    readyText({
      url: gateway.url,
      forms,
      schedules,
      sheets: !google,
      data: shown(folder),
      ms: performance.now() - begun,
    }),
  );
  return gateway.url;
}

async function openSheets(dir: string, spreadsheets: string[], parts: Parts, log: Log) {
  const report = (error: unknown) => log.error({ from: 'sheets', err: error }, 'the emulator failed');
  return (parts.sheets = await startSheets({ dir, spreadsheets, report }));
}

/** Starts an instance as the image would: `node main.mjs`, or the manifest's own command. */
function launcher({
  bundle,
  compileCache,
  environments,
  log,
}: {
  bundle: string;
  compileCache: string;
  environments: Map<string, Env>;
  log: Log;
}) {
  return ({ name, command = ['node', 'main.mjs'], args }: Service, signal: AbortSignal) => {
    const [file = 'node', ...rest] = command;
    return startInstance({
      name,
      command: file === 'node' ? process.execPath : file,
      args: [...rest, ...args],
      cwd: bundle,
      env: environments.get(name) ?? {},
      compileCache,
      onLine: (line) => logOutput(log, name, line),
      signal,
    });
  };
}

/** Bundles, and removes the bundles of earlier starts: the data folder is ours alone. */
async function bundleInto(root: string, folder: string): Promise<string> {
  const bundle = await bundleFunctions({ root, outDir: folder, versioned: true });
  const others = (await readdir(folder)).filter((name) => name !== basename(bundle));
  await Promise.all(others.map((name) => rm(join(folder, name), { recursive: true, force: true })));
  return bundle;
}

/** A path as people write it who are in the current folder. */
function shown(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') ? path : short || '.';
}
