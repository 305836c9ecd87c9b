import { availableParallelism } from 'node:os';
import type { Instance } from './instance.ts';
import type { Log } from '../log.ts';
import type { Service } from '../../manifests/types.ts';
import { slidingMax } from './sliding-max.ts';

/** A Service's instances: what Knative's activator and autoscaler do. */
export interface Revision {
  /**
   * Gives a place at an instance, starting one if need be; `release` gives the place back.
   * @throws Unavailable when no instance can be had; the signal's reason when it aborts first
   */
  acquire(signal: AbortSignal): Promise<Lease>;
  status(): RevisionStatus;
  /** Gives no more places (`Retired`); stops each instance when its last request is over, and resolves when all are gone. */
  drain(): Promise<void>;
  /** Turns away who waits, stops every instance (SIGKILL after `graceMs`). */
  close(graceMs: number): Promise<void>;
}

export interface Lease {
  instance: Instance;
  release(): void;
}

export interface RevisionStatus {
  /** Instances that take requests. */
  instances: number;
  /** How many there are to be: what was needed within the window. */
  wanted: number;
  starting: number;
  /** Requests at instances, those that are being drained included. */
  inFlight: number;
  /** Requests that wait for an instance. */
  queued: number;
  /** Requests that were given to an instance since the Service was last changed. */
  requests: number;
  /** Instances started since the Service was last changed. */
  coldStarts: number;
  pids: number[];
  /** From the start of the process to its first accepted connection. */
  lastColdStartMs: number | null;
  /** Requests that an instance is meant to have at once. */
  target: number;
}

/** Nobody can take the request now; worth another try after that many seconds. */
export class Unavailable extends Error {
  override name = 'Unavailable';
  retryAfterSeconds: number;
  constructor(message: string, retryAfterSeconds = 1, options?: ErrorOptions) {
    super(message, options);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** The revision is no longer the Service's: there is another one, or none. */
export class Retired extends Error {
  override name = 'Retired';
}

interface Member {
  instance: Instance;
  inFlight: number;
  served: number;
  draining: boolean;
}

interface Waiter {
  take(member: Member): void;
  refuse(error: Error): void;
}

type Scale = Pick<
  Service,
  'name' | 'containerConcurrency' | 'minScale' | 'maxScale' | 'target' | 'windowSeconds'
>;

/** Where the manifest sets no upper bound: more processes than this help nobody on one machine. */
const maxInstances = 50;
/** A start keeps a core busy. What waits may be served by the first ones before more are up. */
const maxStarting = Math.max(2, availableParallelism());
const maxQueue = 10_000;
const firstBackoffMs = 100;
const maxBackoffMs = 10_000;
/** A request waits for the next try to start an instance when that is no farther away. */
const maxWaitForRetryMs = 1_000;

/**
 * Wanted instances = requests in flight and waiting, divided by the target, within min and max scale. More are started
 * at once, as many as there are cores, then the others if they are still wanted; fewer are kept only when the whole window needed no more. Scaling to zero follows the window alone: Knative's
 * 30 s of grace on top of it are for its network to be reprogrammed, which nothing here has to be.
 */
export function openRevision({
  service,
  launch,
  log,
  queueLimit = maxQueue,
}: {
  service: Scale;
  launch: (signal: AbortSignal) => Promise<Instance>;
  log: Log;
  queueLimit?: number;
}): Revision {
  const { name, minScale, containerConcurrency } = service;
  const from = name;
  const hardLimit = containerConcurrency || Infinity;
  const target = Math.min(service.target, hardLimit);
  const maxScale = service.maxScale || Math.max(maxInstances, minScale);
  const history = slidingMax(service.windowSeconds * 1000);

  const members = new Set<Member>();
  const stopping = new Set<Instance>();
  const starts = new Set<Promise<void>>();
  const queue = new Set<Waiter>();
  const closing = new AbortController();
  let refusal: Error | undefined;
  let requests = 0;
  let coldStarts = 0;
  let lastColdStartMs: number | null = null;
  let failures = 0;
  let notBefore = 0;
  let lastFailure: unknown;
  let timer: NodeJS.Timeout | undefined;

  const active = () => [...members].filter((member) => !member.draining);
  const count = (list: Iterable<Member>) => [...list].reduce((sum, { inFlight }) => sum + inFlight, 0);

  function pick(): Member | undefined {
    // While others are on their way, an instance gets what it is meant to hold; the rest is for them.
    const limit = starts.size > 0 ? target : hardLimit;
    let best: Member | undefined;
    for (const member of members) {
      if (!member.draining && member.inFlight < limit && member.inFlight < (best?.inFlight ?? Infinity))
        best = member;
    }
    return best;
  }

  function lease(member: Member): Lease {
    member.inFlight += 1;
    requests += 1;
    let held = true;
    return {
      instance: member.instance,
      release() {
        if (!held) return;
        held = false;
        member.inFlight -= 1;
        member.served += 1;
        if (members.has(member)) failures = 0;
        settle();
      },
    };
  }

  /** Brings the instances to what is wanted and hands waiting requests out. */
  function settle() {
    if (refusal) return retireIdle();
    const now = performance.now();
    for (const waiter of queue) {
      const member = pick();
      if (!member) break;
      queue.delete(waiter);
      waiter.take(member);
    }
    const ready = active();
    const demand = count(ready) + queue.size;
    const wanted = Math.min(maxScale, Math.max(minScale, Math.ceil(demand / target)));
    history.set(wanted, now);
    const startable = Math.min(wanted - ready.length, maxStarting);
    if (now >= notBefore) for (let n = starts.size; n < startable; n += 1) begin();

    const surplus = ready.length - history.max(now);
    const idlest = ready.toSorted((a, b) => a.inFlight - b.inFlight);
    for (const member of idlest.slice(0, Math.max(0, surplus))) member.draining = true;
    retireIdle();

    const missing = starts.size < startable ? notBefore : undefined;
    const next = Math.min(missing ?? Infinity, history.nextChange(now) ?? Infinity);
    clearTimeout(timer);
    // A timer may fire a fraction of a millisecond early.
    if (next < Infinity) timer = setTimeout(settle, Math.max(1, next - now + 1));
  }

  function begin() {
    const started = performance.now();
    const start = launch(closing.signal).then(
      (instance) => {
        starts.delete(start);
        coldStarts += 1;
        lastColdStartMs = Math.round(performance.now() - started);
        log.info({ from, pid: instance.pid, ms: lastColdStartMs }, 'instance started');
        join(instance);
      },
      (error: unknown) => {
        starts.delete(start);
        if (!closing.signal.aborted) startFailed(error);
      },
    );
    starts.add(start);
  }

  function join(instance: Instance) {
    const member: Member = { instance, inFlight: 0, served: 0, draining: false };
    members.add(member);
    void instance.exited.then((how) => {
      if (!members.delete(member)) return;
      log.warn({ from, pid: instance.pid }, `instance ${how}`);
      // An instance that ends before it answered anything will likely do so again.
      if (member.served === 0) backOff(new Error(`${name} ${how}`));
      settle();
    });
    settle();
  }

  function startFailed(error: unknown) {
    const delay = backOff(error);
    log.error({ from }, `instance did not start, next try in ${delay} ms: ${String(error)}`);
    if (active().length + starts.size === 0) {
      const refusal = unavailable();
      for (const waiter of queue) waiter.refuse(refusal);
      queue.clear();
    }
    settle();
  }

  function backOff(error: unknown): number {
    lastFailure = error;
    failures += 1;
    const delay = Math.min(maxBackoffMs, firstBackoffMs * 2 ** (failures - 1));
    notBefore = performance.now() + delay;
    return delay;
  }

  function unavailable() {
    const seconds = Math.max(1, Math.ceil((notBefore - performance.now()) / 1000));
    return new Unavailable(`${name} cannot be started; the runner's log says why.`, seconds, {
      cause: lastFailure,
    });
  }

  function retireIdle() {
    for (const member of members) if (member.draining && member.inFlight === 0) retire(member);
  }

  function retire(member: Member) {
    members.delete(member);
    stopping.add(member.instance);
    void member.instance.stop().then(() => {
      stopping.delete(member.instance);
      log.info({ from, pid: member.instance.pid }, 'instance stopped');
    });
  }

  function wait(signal: AbortSignal): Promise<Lease> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        queue.delete(waiter);
        reject(signal.reason);
        settle();
      };
      const waiter: Waiter = {
        take(member) {
          signal.removeEventListener('abort', onAbort);
          resolve(lease(member));
        },
        refuse(error) {
          signal.removeEventListener('abort', onAbort);
          reject(error);
        },
      };
      signal.addEventListener('abort', onAbort);
      queue.add(waiter);
      settle();
    });
  }

  /** From now on nothing is started and nobody gets a place. */
  function shut(reason: Error) {
    refusal = reason;
    closing.abort();
    clearTimeout(timer);
    for (const waiter of queue) waiter.refuse(reason);
    queue.clear();
  }

  settle();
  return {
    async acquire(signal) {
      signal.throwIfAborted();
      if (refusal) throw refusal;
      const member = queue.size === 0 ? pick() : undefined;
      if (member) {
        const granted = lease(member);
        settle();
        return granted;
      }
      if (queue.size >= queueLimit)
        throw new Unavailable(`${name} has ${queueLimit} requests waiting already.`);
      const pause = notBefore - performance.now();
      if (pause > maxWaitForRetryMs && active().length + starts.size === 0) throw unavailable();
      return wait(signal);
    },
    status() {
      const ready = active();
      return {
        instances: ready.length,
        wanted: history.max(performance.now()),
        starting: starts.size,
        inFlight: count(members),
        queued: queue.size,
        requests,
        coldStarts,
        pids: [...members].map(({ instance }) => instance.pid),
        lastColdStartMs,
        target,
      };
    },
    async drain() {
      shut(new Retired(`${name} was replaced or removed.`));
      await Promise.all(starts);
      for (const member of members) member.draining = true;
      const all = [...[...members].map(({ instance }) => instance), ...stopping];
      retireIdle();
      await Promise.all(all.map(({ exited }) => exited));
    },
    async close(graceMs) {
      shut(new Unavailable(`${name} is being stopped.`));
      await Promise.all(starts);
      const all = [...[...members].map(({ instance }) => instance), ...stopping];
      members.clear();
      await Promise.all(all.map((instance) => instance.stop(graceMs)));
    },
  };
}
