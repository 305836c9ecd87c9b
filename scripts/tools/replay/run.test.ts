import { existsSync } from 'node:fs';
import { expect, it, onTestFinished } from 'vitest';
import { temporaryFolder } from '../../testing/formbus.ts';
import type { History } from './history.ts';
import { openProgress } from './progress.ts';
import { replay } from './run.ts';

const day = 86_400_000;

/** A hundred events, one a day, ten a page. `failAt`: the delivery that fails. */
function past({ failAt = Infinity } = {}): History & { got: string[] } {
  const got: string[] = [];
  let deliveries = 0;
  return {
    got,
    forms: new Set(),
    async *pages(after) {
      for (let first = Number(after); first < 100; first += 10) {
        const events = Array.from({ length: 10 }, (_, n) => ({
          id: String(first + n),
          time: (first + n) * day,
        }));
        yield { events, place: String(first + 10) };
      }
    },
    deliver(events) {
      deliveries += 1;
      if (deliveries === failAt) return Promise.reject(new Error('gone'));
      got.push(...events.map(({ id }) => id));
      return Promise.resolve(events.length);
    },
  };
}

async function open() {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  const file = `${folder.path}/deep/replay.json`;
  const pauses: number[] = [];
  const common = {
    from: 0,
    to: Infinity,
    rate: 10,
    memoryDays: undefined,
    say: () => {},
    now: () => 100 * day,
    pause: (ms: number) => Promise.resolve(void pauses.push(ms)),
  };
  return { file, common, pauses, progress: (asked = 'x') => openProgress(file, asked) };
}

it('delivers what was received in the period, at the rate', async () => {
  const { common, pauses, progress } = await open();
  const history = past();
  const done = await replay({
    ...common,
    history,
    progress: progress(),
    from: 18 * day,
    to: 25 * day,
    rate: 4,
  });
  expect(history.got).toEqual(['18', '19', '20', '21', '22', '23', '24', '25']);
  expect([done.delivered, pauses]).toEqual([8, [500, 1_000, 500]]);
});

it('continues where it stopped, and starts over for another request or after its end', async () => {
  const { common, progress, file } = await open();
  const broken = past({ failAt: 4 });
  await expect(replay({ ...common, history: broken, progress: progress() })).rejects.toThrow('gone');
  const other = past();
  await replay({ ...common, history: other, progress: progress('y'), isDryRun: true });
  expect(other.got).toEqual([]);
  const rest = past();
  expect((await replay({ ...common, history: rest, progress: progress() })).delivered).toBe(100);
  expect([...broken.got, ...rest.got]).toEqual(Array.from({ length: 100 }, (_, n) => String(n)));
  expect(existsSync(file)).toBe(false);
});

it('delivers nothing and fails when the task may not remember the ids of the period', async () => {
  const { common, progress } = await open();
  const history = past();
  const options = { ...common, history, progress: progress(), memoryDays: 45 };
  await expect(replay(options)).rejects.toThrow('the task remembers ids for 45 days');
  expect(history.got).toEqual([]);
  await replay({ ...options, from: 55 * day });
  expect(history.got).toHaveLength(45);
});
