import { expect, test } from 'vitest';
import { openParts } from './parts.ts';
import { recordingLog } from './serving/testing.ts';

function open({ comingUpMs = 60_000 } = {}) {
  const log = recordingLog();
  const stopping = new AbortController();
  const parts = openParts({ log, stopping: stopping.signal, comingUpMs });
  const seen: string[] = [];
  const stop = { stop: (part: string) => void seen.push(`stop ${part}`), withinMs: 60_000 };
  const comes = (name: string) => () => {
    seen.push(`start ${name}`);
    return name;
  };
  const fails = (name: string) => () => Promise.reject<string>(new Error(`${name} failed`));
  return { parts, stop, comes, fails, seen, log, stopping };
}

test('stops in the reverse order of the starts, and once', async () => {
  const { parts, stop, comes, seen } = open();
  const first = await parts.start('redis', comes('redis'), stop);
  await parts.start('tasks', comes(`tasks on ${first}`), stop);
  await Promise.all([parts.stop(), parts.stop()]);
  expect(seen).toEqual(['start redis', 'start tasks on redis', 'stop tasks on redis', 'stop redis']);
});

test('a part that fails is not stopped; those before it are, in reverse order', async () => {
  const { parts, stop, comes, fails, seen } = open();
  await parts.start('one', comes('one'), stop);
  await parts.start('two', comes('two'), stop);
  await expect(parts.start('three', fails('three'), stop)).rejects.toThrow('three failed');
  await parts.stop();
  expect(seen).toEqual(['start one', 'start two', 'stop two', 'stop one']);
});

test('when a part fails, the parts that are still starting are waited for and stopped', async () => {
  const { parts, stop, fails, seen } = open();
  const slow = Promise.withResolvers<string>();
  const start = parts.group();
  const both = Promise.all([start('slow', () => slow.promise, stop), start('other', fails('other'), stop)]);
  await expect(both).rejects.toThrow('other failed');
  const stopped = parts.stop();
  slow.resolve('slow');
  await stopped;
  expect(seen).toEqual(['stop slow']);
});

test('parts of one group are stopped side by side, before those of an earlier one', async () => {
  const { parts, stop, comes, seen } = open();
  await parts.start('first', comes('first'), stop);
  const b = Promise.withResolvers<void>();
  const start = parts.group();
  await start('a', comes('a'), { stop: () => b.promise.then(() => seen.push('stop a')), withinMs: 60_000 });
  await start('b', comes('b'), {
    stop(part) {
      stop.stop(part);
      b.resolve();
    },
    withinMs: 60_000,
  });
  await parts.stop();
  expect(seen.slice(-3)).toEqual(['stop b', 'stop a', 'stop first']);
});

test('a start that is given up rejects at once, starts nothing more, and leaves what does not come up', async () => {
  const { parts, stop, comes, seen, stopping } = open({ comingUpMs: 1 });
  await parts.start('first', comes('first'), stop);
  const never = parts.start('kafka', () => new Promise<string>(() => {}), stop);
  stopping.abort(new Error('Ctrl-C'));
  await expect(never).rejects.toThrow('Ctrl-C');
  await expect(parts.start('next', comes('next'), stop)).rejects.toThrow('Ctrl-C');
  await parts.stop();
  expect(seen).toEqual(['start first', 'stop first']);
});

test('what is up is stopped, even when the others took longer than parts may take to come up', async () => {
  const { parts, stop, comes, seen, stopping } = open({ comingUpMs: 1 });
  await parts.start('first', comes('first'), stop);
  // A timer of the same length that was set later fires later.
  const takesLonger = () => new Promise((resolve) => void setTimeout(resolve, 1));
  await parts.start('slow', comes('slow'), { stop: takesLonger, withinMs: 60_000 });
  stopping.abort();
  // The wait for what comes up begins in the next turns of the event loop.
  for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
  await parts.stop();
  expect(seen.at(-1)).toBe('stop first');
});

test('a stop that fails or takes too long is named, and the others are stopped', async () => {
  const { parts, stop, comes, seen, log } = open();
  await parts.start('last', comes('last'), stop);
  await parts.start('stuck', comes('stuck'), { stop: () => new Promise(() => {}), withinMs: 1 });
  await parts.start('broken', comes('broken'), {
    stop: () => Promise.reject(new Error('no')),
    withinMs: 60_000,
  });
  await parts.stop();
  expect(seen.at(-1)).toBe('stop last');
  expect(log.lines).toEqual([
    'warn formbus: broken did not stop: Error: no {}',
    'warn formbus: stuck did not stop within 1 ms {}',
  ]);
});
