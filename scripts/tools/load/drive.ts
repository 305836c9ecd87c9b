import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Pool, type Dispatcher } from 'undici';

/** What became of one submission: the answer, or in a word why none came. */
export type Outcome = { status: number; body: string } | { status: undefined; reason: string };

export interface Target {
  /** The form's address. */
  url: URL;
  /** The JSON of the n-th submission, counted from 0. */
  body: (n: number) => string;
  /** Called for each submission with its milliseconds. */
  record: (ms: number, outcome: Outcome) => void;
}

/** Longer than a form's own 30 s. */
const timeoutMs = 40_000;
const options = { headersTimeout: timeoutMs, bodyTimeout: timeoutMs, connectTimeout: timeoutMs };

/**
 * A closed plan: `users` arrive at once, each with its own connection, and each submits one after the other, `requests` times or
 * for `forMs`. A submission's time begins when its user sends it; the first includes connecting.
 */
export async function runUsers({
  users,
  requests = Infinity,
  forMs = Infinity,
  ...target
}: Target & { users: number; requests?: number; forMs?: number }): Promise<void> {
  const until = performance.now() + forMs;
  let count = 0;
  const user = async () => {
    const client = new Client(target.url.origin, options);
    for (let n = 0; n < requests && performance.now() < until; n += 1) {
      await submit(client, performance.now(), count++, target);
    }
    await client.close();
  };
  await Promise.all(Array.from({ length: users }, user));
}

/**
 * An open loop: a submission each 1/`rate` s, whether or not earlier ones were answered. Its time begins when it was due, so that
 * neither a frozen server nor a late driver hides a wait (coordinated omission).
 */
export async function runRate({
  rate,
  forMs,
  ...target
}: Target & { rate: number; forMs: number }): Promise<void> {
  const pool = new Pool(target.url.origin, { ...options, connections: null });
  const open = new Set<Promise<void>>();
  const total = Math.round((rate * forMs) / 1_000);
  const begin = performance.now();
  const dueAt = (n: number) => begin + (n * 1_000) / rate;
  for (let n = 0; n < total;) {
    for (const now = performance.now(); n < total && dueAt(n) <= now; n += 1) {
      const one = submit(pool, dueAt(n), n, target).finally(() => open.delete(one));
      open.add(one);
    }
    await sleep(1);
  }
  await Promise.all(open);
  await pool.close();
}

function submit(
  dispatcher: Dispatcher,
  begin: number,
  n: number,
  { url, body, record }: Target,
): Promise<void> {
  return new Promise((resolve) => {
    const end = (outcome: Outcome) => {
      record(performance.now() - begin, outcome);
      resolve();
    };
    let status = 0;
    let text = '';
    dispatcher.dispatch(
      {
        path: url.pathname + url.search,
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: body(n),
      },
      {
        onRequestStart() {},
        onResponseStart(_, code) {
          status = code;
        },
        onResponseData(_, chunk) {
          text += chunk.toString();
        },
        onResponseEnd: () => end({ status, body: text }),
        onResponseError: (_, error) => end({ status: undefined, reason: nameOf(error) }),
      },
    );
  });
}

function nameOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}
