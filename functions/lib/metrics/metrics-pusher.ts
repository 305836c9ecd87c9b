import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { reasonOf, type Log } from '../runtime/log.ts';
import type { Push } from './metric-definitions.ts';

export interface PusherOptions {
  /** Where increments are POSTed to. */
  url: string;
  /** The label `service`. */
  service: string;
  /** Gives what has come since the last call. */
  take: () => Push['series'];
  log: Log;
  /** From the first increment to its push, and between two. */
  everyMs?: number;
  /** How long an answer is waited for; and when the process ends. */
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
 * Pushes increments beside all else: nobody waits for it, and while nothing comes there is not even a timer.
 * A push has the process's id and a number. One that gets no answer is sent again just so, and counts once; what comes meanwhile adds
 * up in the series, so that however long nobody takes it, it needs no more room.
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
  /** The push that is not known to have been taken. */
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
        // Also for what has come since: it looks once more, and finds nothing when there was nothing.
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
        log.error({ url, status }, 'a push of metrics was refused; it is dropped');
      else if (status < 200 || status > 299) throw new Error(`answered ${status}`);
      open = undefined;
      isFailing = false;
    } catch (error) {
      if (!isFailing)
        log.warn({ url, reason: reasonOf(error) }, 'metrics are not taken; tried again, see METRICS_URL');
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
      // What had no answer first; when there is none again, the rest would have none either.
      await push(lastPatienceMs);
      if (open === undefined) await push(lastPatienceMs);
    },
  };
}

/** The answer's status. No connection is kept for something that comes so seldom. */
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
