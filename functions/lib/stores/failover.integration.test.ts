import { expect, it, onTestFinished } from 'vitest';
import { startTestSheets } from '../../testing/sheets.ts';
import { startSentinels, type RedisPod, type Sentinels } from '../../testing/sentinels/sentinels.ts';
import { openBuffer } from '../buffer/buffer.ts';
import { openRowQueue, type RowQueue } from '../buffer/row-queue.ts';
import { flush } from '../../tasks/sheets-flush/flush.ts';
import { openLog } from '../runtime/log.ts';
import { connectRedis } from './redis-address.ts';
import { openRedis } from './redis.ts';
import { openSheets } from '../sheets/sheets.ts';

const log = openLog('test', 'silent');
const spreadsheetId = 's';

/** Pushes rows, again and again as a broker does until each is acknowledged, `atOnce` at a time, and flushes all the while. */
async function underLoad(env: Sentinels['env'], { queues }: { queues: RowQueue[] }) {
  const emulator = await startTestSheets([spreadsheetId]);
  const sheets = openSheets({ SHEETS_URL: emulator.url });
  const redis = await openRedis({ ...env, REDIS_REPLICAS: 1 }, log);
  const flushed = openBuffer({ redis });
  onTestFinished(async () => {
    await redis.close();
    await emulator.close();
  });
  const over = new AbortController();
  let refused = 0;
  const acknowledged: string[] = [];
  const untilTaken = async (worker: number, queue: RowQueue) => {
    for (let n = 0; !over.signal.aborted; n += 1) {
      const id = `${worker}-${n}`;
      for (;;) {
        try {
          await queue.push({ spreadsheetId, tab: 'form', id, time: Date.now(), cells: { name: id } });
          acknowledged.push(id);
          break;
        } catch {
          refused += 1;
          if (over.signal.aborted) return;
          await pause(50);
        }
      }
    }
  };
  const flushing = async () => {
    while (!over.signal.aborted) {
      await flush({ buffer: flushed, sheets, log, settleMs: 0 }).catch(() => {});
      await pause(200);
    }
  };
  const workers = queues.flatMap((queue, index) =>
    Array.from({ length: 8 }, (_, n) => untilTaken(index * 8 + n, queue)),
  );
  const running = Promise.all([...workers, flushing()]);
  return {
    acknowledged,
    refused: () => refused,
    async stop() {
      over.abort();
      await running;
    },
    async idsInSheet() {
      // The lease of a flush that was broken off would hold for a minute; what it has parked is left alone for one.
      const look = connectRedis(env.REDIS_URL, env.REDIS_PASSWORD, {});
      await look.del(`buffer:lease:${spreadsheetId}`);
      look.disconnect();
      const now = () => Date.now() + 120_000;
      const waiting = async () => {
        await flush({ buffer: flushed, sheets, log, settleMs: 0, now }).catch(() => {});
        return flushed.waiting();
      };
      await expect.poll(waiting, { timeout: 90_000, interval: 500 }).toEqual([]);
      const [, tab] = await sheets.layout(spreadsheetId);
      return tab ? (await sheets.column(spreadsheetId, tab, tab.columns.get('@id') ?? 0)).slice(1) : [];
    },
  };
}

it.each([
  ['killed', (master: RedisPod) => master.signal('SIGKILL'), (master: RedisPod) => master.start()],
  ['frozen', (master: RedisPod) => master.signal('SIGSTOP'), (master: RedisPod) => master.signal('SIGCONT')],
  [
    'cut off, with clients on its side',
    (master: RedisPod) => master.cutOff(true),
    (master: RedisPod) => master.cutOff(false),
  ],
])(
  'a master is %s under load: every acknowledged row is in the sheet once',
  async (_, harm, mend) => {
    const sentinels = await startSentinels({ quick: true });
    onTestFinished(sentinels.close);
    const old = await sentinels.master();
    const urls = [sentinels.env.REDIS_URL, old.url];
    const clients = await Promise.all(
      urls.map((url) => openRedis({ ...sentinels.env, REDIS_URL: url, REDIS_REPLICAS: 1 }, log)),
    );
    onTestFinished(async () => void (await Promise.all(clients.map((client) => client.close()))));
    const load = await underLoad(sentinels.env, {
      queues: clients.map((redis) => openRowQueue({ redis, seenDays: 30 })),
    });
    const more = async (count: number) => {
      const goal = load.acknowledged.length + count;
      await expect.poll(() => load.acknowledged.length, { timeout: 60_000 }).toBeGreaterThan(goal);
    };
    await more(200);
    harm(old);
    await sentinels.replaced(old);
    await more(200);
    mend(old);
    await sentinels.whole();
    await more(200);
    await load.stop();
    expect(load.refused()).toBeGreaterThan(0);
    const ids = await load.idsInSheet();
    const standing = new Set(ids);
    expect(ids).toHaveLength(standing.size);
    expect(load.acknowledged.filter((id) => !standing.has(id))).toEqual([]);
  },
  180_000,
);

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
