import type { Service } from '../../manifests/types.ts';
import type { Log } from '../log.ts';
import { openAutoscaler, type Scale } from './autoscaler.ts';
import { openBackoff } from './backoff.ts';
import type { Instance } from './instance.ts';
import { type Lease, openInstancePool } from './instance-pool.ts';
import { openWaitingQueue } from './waiting-queue.ts';

/** A Service's instances: what Knative's activator and autoscaler do. */
export interface Revision {
  /**
   * Leases a place at an instance, starting one if need be.
   * @throws Unavailable when no instance can be had; the signal's reason when it aborts first
   */
  acquire(signal: AbortSignal): Promise<Lease>;
  status(): RevisionStatus;
  /** Refuses more requests (`Retired`); stops each instance when its last request is over, and resolves when all are gone. */
  drain(): Promise<void>;
  /** Rejects queued requests, stops every instance (SIGKILL after `graceMs`). */
  close(graceMs: number): Promise<void>;
}

export interface RevisionStatus {
  /** Instances that take requests. */
  instances: number;
  /** How many there should be: the most that was needed within the window. */
  wanted: number;
  starting: number;
  /** Requests at instances, those included that are being drained. */
  inFlight: number;
  /** Requests that wait for an instance. */
  queued: number;
  /** Requests that an instance got since the Service was last changed. */
  requests: number;
  /** Instances started since the Service was last changed. */
  coldStarts: number;
  pids: number[];
  /** From the start of the process to its first accepted connection. */
  lastColdStartMs: number | null;
  /** Requests that an instance is meant to have at once. */
  target: number;
}

/** No instance can take the request now; worth another try after that many seconds. */
export class Unavailable extends Error {
  override name = 'Unavailable';
  retryAfterSeconds: number;
  constructor(message: string, retryAfterSeconds = 1, options?: ErrorOptions) {
    super(message, options);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** The revision is no longer the Service's: it has another, or none. */
export class Retired extends Error {
  override name = 'Retired';
}

const MAX_QUEUE = 10_000;
/** A request waits for the next try to start an instance when that is no farther away. */
const MAX_WAIT_FOR_RETRY_MS = 1_000;

/** Joins the autoscaler, the queue and the pool: after each event `settle` brings the instances to what is wanted. */
export function openRevision({
  service,
  launch,
  log,
  queueLimit = MAX_QUEUE,
}: {
  service: Scale & Pick<Service, 'name'>;
  launch: (signal: AbortSignal) => Promise<Instance>;
  log: Log;
  queueLimit?: number;
}): Revision {
  const { name } = service;
  const autoscaler = openAutoscaler(service);
  const backoff = openBackoff();
  const queue = openWaitingQueue<Lease>(settle);
  const pool = openInstancePool({
    onRelease(isMember) {
      if (isMember) backoff.succeeded();
      settle();
    },
    onExit({ pid }, how, served) {
      log.warn({ from: name, pid }, `instance ${how}`);
      // An instance that ends before it answered anything will likely do so again.
      if (served === 0) backoff.failed(new Error(`${name} ${how}`), performance.now());
      settle();
    },
    onStopped: ({ pid }) => log.info({ from: name, pid }, 'instance stopped'),
  });
  const starts = new Set<Promise<void>>();
  const closing = new AbortController();
  let refusal: Error | undefined;
  let coldStarts = 0;
  let lastColdStartMs: number | null = null;
  let timer: NodeJS.Timeout | undefined;
  /** When it rings. */
  let timedFor = Infinity;

  /** While others are on their way, an instance gets what it is meant to hold; the rest is for them. */
  const place = () =>
    pool.lease({
      target: autoscaler.target,
      limit: starts.size > 0 ? autoscaler.target : autoscaler.hardLimit,
    });
  const hasNone = () => pool.ready().count + starts.size === 0;

  /** Gives waiting requests their places, and brings the instances to what is wanted. */
  function settle() {
    if (refusal) return pool.retireIdle();
    queue.serve(place);
    const now = performance.now();
    const { count: ready, inFlight } = pool.ready();
    const load = { demand: inFlight + queue.size(), ready, starting: starts.size };
    const { start, surplus, reviewAt = Infinity } = autoscaler.decide(load, now);
    const isPausing = now < backoff.until();
    if (!isPausing) for (let n = 0; n < start; n += 1) begin();
    pool.drain(surplus);

    const next = Math.min(isPausing && start > 0 ? backoff.until() : Infinity, reviewAt);
    if (next === timedFor) return;
    clearTimeout(timer);
    timedFor = next;
    // A timer may fire a fraction of a millisecond early.
    if (next < Infinity) timer = setTimeout(ring, Math.max(1, next - now + 1));
  }

  function ring() {
    timedFor = Infinity;
    settle();
  }

  function begin() {
    const began = performance.now();
    const start = launch(closing.signal).then(
      (instance) => {
        starts.delete(start);
        coldStarts += 1;
        lastColdStartMs = Math.round(performance.now() - began);
        log.info({ from: name, pid: instance.pid, ms: lastColdStartMs }, 'instance started');
        pool.add(instance);
        settle();
      },
      (error: unknown) => {
        starts.delete(start);
        if (!closing.signal.aborted) startFailed(error);
      },
    );
    starts.add(start);
  }

  function startFailed(error: unknown) {
    const pauseMs = backoff.failed(error, performance.now());
    log.error({ from: name }, `instance did not start, next try in ${pauseMs} ms: ${String(error)}`);
    if (hasNone()) queue.refuse(unavailable());
    settle();
  }

  function unavailable() {
    const seconds = Math.max(1, Math.ceil((backoff.until() - performance.now()) / 1000));
    const message = `${name} cannot be started; the runner's log says why.`;
    return new Unavailable(message, seconds, { cause: backoff.cause() });
  }

  /** From now on nothing is started and no request gets a place. */
  async function shut(reason: Error) {
    refusal = reason;
    closing.abort();
    clearTimeout(timer);
    queue.refuse(reason);
    await Promise.all(starts);
  }

  settle();
  return {
    async acquire(signal) {
      signal.throwIfAborted();
      if (refusal) throw refusal;
      const free = queue.size() === 0 ? place() : undefined;
      if (free) {
        settle();
        return free;
      }
      if (queue.size() >= queueLimit)
        throw new Unavailable(`${name} has ${queueLimit} requests waiting already.`);
      const pauseMs = backoff.until() - performance.now();
      if (pauseMs > MAX_WAIT_FOR_RETRY_MS && hasNone()) throw unavailable();
      const waited = queue.wait(signal);
      settle();
      return waited;
    },
    status: () => ({
      instances: pool.ready().count,
      wanted: autoscaler.wanted(performance.now()),
      starting: starts.size,
      inFlight: pool.inFlight(),
      queued: queue.size(),
      requests: pool.leases(),
      coldStarts,
      pids: pool.pids(),
      lastColdStartMs,
      target: autoscaler.target,
    }),
    async drain() {
      await shut(new Retired(`${name} was replaced or removed.`));
      const all = pool.instances();
      pool.drain(all.length);
      await Promise.all(all.map(({ exited }) => exited));
    },
    async close(graceMs) {
      await shut(new Unavailable(`${name} is being stopped.`));
      await pool.close(graceMs);
    },
  };
}
