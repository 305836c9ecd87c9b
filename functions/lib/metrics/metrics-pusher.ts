import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { reasonOf, type Log } from '../runtime/log.ts';
import type { Push } from './metric-definitions.ts';

export interface PusherOptions {
  /** Where increments are POSTed to. */
  url: string;
  /** The label `service`. */
  service: string;
  /** Returns what was counted since the last call. */
  take: () => Push['series'];
  log: Log;
  /** From the first increment to its push, and between two pushes. */
  everyMs?: number;
  /** How long to wait for an answer, and how long when the process ends. */
  patienceMs?: number;
  lastPatienceMs?: number;
}

export interface Pusher {
  /** Says that there is something to push. */
  wake(): void;
  /** Pushes what is left, once. */
  close(): Promise<void>;
}

/**
 * Pushes increments in the background: nothing waits for it, and without increments there is no timer.
 * A push carries the process's id and a number. Without an answer the same push is sent again, and counts once. Meanwhile increments
 * add up in their series, so that an outage takes no memory.
 */
export function openPusher({
  url,
  service,
  take,
  log,
  everyMs = 5_000,
  patienceMs = 2_000,
  lastPatienceMs = 1_000,
}: PusherOptions): Pusher {
  const id = randomUUID();
  let sequence = 0;
  /** The push that has no answer yet. */
  let open: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  let underWay = Promise.resolve();
  let isFailing = false;
  let isClosed = false;

  function wake(): void {
    if (timer || isClosed) return;
    timer = setTimeout(() => {
      underWay = push(patienceMs).then((pushed) => {
        timer = undefined;
        // For increments since then; without any, the next push finds nothing.
        if (pushed) wake();
      });
    }, everyMs);
    timer.unref();
  }

  /** False when there was nothing to push. */
  async function push(ms: number): Promise<boolean> {
    open ??= next();
    if (open === undefined) return false;
    try {
      const status = await post(url, open, AbortSignal.timeout(ms));
      if (status === 400 || status === 413)
        log.error({ url, status }, 'a push of metrics was refused and is dropped');
      else if (status < 200 || status > 299) throw new Error(`answered ${status}`);
      open = undefined;
      isFailing = false;
    } catch (error) {
      if (!isFailing)
        log.warn(
          { url, reason: reasonOf(error) },
          'metrics cannot be pushed; will be retried, see METRICS_URL',
        );
      isFailing = true;
    }
    return true;
  }

  function next(): string | undefined {
    const series = take();
    if (series.length === 0) return undefined;
    sequence += 1;
    const body: Push = { service, process: id, sequence, series };
    return JSON.stringify(body);
  }

  return {
    wake,
    async close() {
      isClosed = true;
      clearTimeout(timer);
      await underWay;
      // First the unanswered push; when it fails again, the rest would fail, too.
      await push(lastPatienceMs);
      if (open === undefined) await push(lastPatienceMs);
    },
  };
}

/** Returns the answer's status. Pushes are too rare to keep a connection. */
function post(url: string, body: string, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const req = request(url, { method: 'POST', headers, agent: false, signal }, (res) => {
      res.on('error', reject).on('end', () => resolve(res.statusCode ?? 0));
      res.resume();
    });
    req.on('error', reject).end(body);
  });
}
