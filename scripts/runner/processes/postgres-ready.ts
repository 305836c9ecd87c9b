import { setTimeout as sleep } from 'node:timers/promises';
import { Client, DatabaseError } from 'pg';
import type { Child } from './child.ts';
import type { Log } from '../log.ts';

/** How long a server may say nothing. */
const SILENT_MS = 30_000;
const TELL_EVERY_MS = 10_000;
/** After a second less often: it logs each time that it refuses. */
const ASK_EVERY_MS = 10;
const ASK_LATER_EVERY_MS = 500;

/** `recovering`: it replays its log after a crash, for minutes after hours of writing, and says so. */
export type State = 'ready' | 'recovering' | 'silent';

/**
 * Resolves when the server takes connections, however long its recovery lasts.
 * @throws Error with its last lines when it ends, or says nothing for half a minute
 */
export async function untilReady({
  child,
  said,
  ask,
  log,
  clock = { now: () => performance.now(), sleep: (ms: number) => sleep(ms) },
}: {
  child: Pick<Child, 'running' | 'exited' | 'lastLines' | 'stop'>;
  /** The last line about what it does. */
  said: () => string;
  ask: () => Promise<State>;
  log: Log;
  clock?: { now(): number; sleep(ms: number): Promise<unknown> };
}): Promise<void> {
  const began = clock.now();
  let heardAt = began;
  let toldAt = began;
  for (;;) {
    const state = await ask();
    if (state === 'ready') return;
    if (!child.running()) throw new Error(`postgres ${await child.exited}:\n${child.lastLines()}`);
    const now = clock.now();
    if (state === 'recovering') heardAt = now;
    if (state === 'recovering' && now - toldAt >= TELL_EVERY_MS) {
      toldAt = now;
      log.info({ from: 'postgres', said: said() }, 'PostgreSQL recovers from a crash and is not ready yet');
    }
    if (now - heardAt > SILENT_MS) {
      await child.stop(0);
      throw new Error(`postgres was not ready within ${SILENT_MS} ms:\n${child.lastLines()}`);
    }
    await clock.sleep(now - began > 1_000 ? ASK_LATER_EVERY_MS : ASK_EVERY_MS);
  }
}

/** Asks a server by a connection and a statement of its own. */
export async function stateOf(connectionString: string): Promise<State> {
  const client = new Client({ connectionString, connectionTimeoutMillis: 2_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('SELECT 1');
    return 'ready';
  } catch (error) {
    return error instanceof DatabaseError && error.code === CANNOT_CONNECT_NOW ? 'recovering' : 'silent';
  } finally {
    await client.end().catch(() => {});
  }
}

/** https://www.postgresql.org/docs/18/errcodes-appendix.html */
const CANNOT_CONNECT_NOW = '57P03';
