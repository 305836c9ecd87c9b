import { isDeepStrictEqual } from 'node:util';
import { bundleInto } from '../serving/launch.ts';
import { deploy, type Deployment } from './deployment.ts';
import type { Override } from './environment.ts';
import type { Log } from '../log.ts';
import { loadManifests, onlyBroker } from '../../manifests/manifests.ts';
import type { Manifests } from '../../manifests/types.ts';

/** Brings what runs to what the files say. */
export interface Reloader {
  /** Says that files have changed. One reload is under way at a time; what changes meanwhile is met by the next. */
  wake(): void;
  /** Nothing is changed from now on. Resolves when no reload is under way any more. */
  close(): Promise<void>;
}

export interface ReloaderOptions {
  root: string;
  /** The folder of the bundles, and those in it that processes run from. */
  bundles: string;
  inUse: () => Set<string>;
  overrides: Override[];
  ambient: Record<string, string | undefined>;
  /** Events go through a Kafka, whose resources are made at the start only. */
  kafka: boolean;
  /** What runs at the beginning. */
  deployment: Deployment;
  /**
   * Makes `next` what runs, in one turn of the event loop, so that a reload happens or does not.
   * @param changed Services that need new instances
   */
  apply: (next: Deployment, changed: Set<string>) => void;
  log: Log;
}

/** Everything is read, bundled and checked before anything is changed: with a mistake, what runs goes on as it was. */
export function openReloader({
  root,
  bundles,
  inUse,
  overrides,
  ambient,
  kafka,
  deployment: running,
  apply,
  log,
}: ReloaderOptions): Reloader {
  let wanted = false;
  let isWrong = false;
  let working: Promise<void> | undefined;
  const closing = new AbortController();

  async function reload() {
    const began = performance.now();
    const manifests = loadManifests(root);
    keepBroker(running.manifests, manifests);
    const bundle = await bundleInto(root, bundles, new Set([running.bundle, ...inUse()]));
    const next = await deploy({ root, manifests, bundle, overrides, ambient, running });
    if (closing.signal.aborted) return;
    const services = differences(running.versions, next.versions);
    const others = differences(wiring(running.manifests), wiring(manifests));
    apply(next, new Set(services.changed));
    if (kafka && !isDeepStrictEqual(ofKafka(running.manifests), ofKafka(manifests))) tellKafka();
    running = next;
    for (const kind of ['new', 'changed', 'gone'] as const) {
      const names = [...services[kind], ...others[kind]];
      if (names.length > 0) log.info({}, `${kind}: ${names.join(', ')}`);
    }
    const ms = Math.round(performance.now() - began);
    if (services.count + others.count > 0) log.info({ ms }, 'the change is running');
    // A mistake that was taken back changes nothing; its author wants to know that it is gone.
    else if (isWrong) log.info({}, 'what is saved is what runs');
    isWrong = false;
  }

  async function work() {
    while (wanted && !closing.signal.aborted) {
      wanted = false;
      await reload().catch((error: unknown) => {
        isWrong = true;
        const reason = error instanceof Error ? error.message : String(error);
        if (!closing.signal.aborted)
          log.error({}, `${reason}\nWhat runs goes on as it was; the next save will be tried.`);
      });
    }
    working = undefined;
  }

  const tellKafka = () =>
    log.warn({}, 'KafkaSources, KafkaSinks or KafkaTopics have changed; restart npm start for them');

  return {
    wake() {
      wanted = true;
      working ??= work();
    },
    async close() {
      closing.abort();
      await working;
    },
  };
}

/** Everybody holds the Broker's address. */
function keepBroker(running: Manifests, next: Manifests) {
  const broker = onlyBroker(next);
  if (broker.name === onlyBroker(running).name) return;
  throw new Error(
    `${broker.file}: metadata.name: the Broker cannot be renamed while it runs; restart npm start`,
  );
}

const ofKafka = ({ kafkaSources, kafkaSinks, kafkaTopics }: Manifests) => [
  kafkaSources,
  kafkaSinks,
  kafkaTopics,
];

/** What is not a Service, by kind and name. */
function wiring({ triggers, pingSources }: Manifests): Map<string, string> {
  return new Map([
    ...triggers.map((one): [string, string] => [`Trigger ${one.name}`, JSON.stringify(one)]),
    ...pingSources.map((one): [string, string] => [`PingSource ${one.name}`, JSON.stringify(one)]),
  ]);
}

function differences(before: Map<string, string>, after: Map<string, string>) {
  const [old, now] = [[...before.keys()], [...after.keys()]];
  const changes = {
    new: now.filter((name) => !before.has(name)),
    changed: now.filter((name) => before.has(name) && before.get(name) !== after.get(name)),
    gone: old.filter((name) => !after.has(name)),
  };
  return { ...changes, count: Object.values(changes).flat().length };
}
