import { expect, test } from 'vitest';
import { openWaitingQueue } from './waiting-queue.ts';

const { signal: never } = new AbortController();

/** Hands out these places, then none. */
const from = (...places: string[]) => {
  return () => places.shift();
};

test('serves requests in the order of their arrival, as far as there are places', async () => {
  const queue = openWaitingQueue<string>(() => {});
  const [first, second] = [queue.wait(never), queue.wait(never)];
  const third = queue.wait(never);
  queue.serve(from('a', 'b'));
  expect(await Promise.all([first, second])).toEqual(['a', 'b']);
  expect(queue.size()).toBe(1);
  queue.serve(from('c'));
  expect(await third).toBe('c');
});

test('a request whose signal aborts leaves, says so, and takes no place', async () => {
  let left = 0;
  const queue = openWaitingQueue<string>(() => void (left += 1));
  const caller = new AbortController();
  const gone = queue.wait(caller.signal);
  const stays = queue.wait(never);
  caller.abort(new Error('the caller hung up'));
  await expect(gone).rejects.toThrow('the caller hung up');
  expect([left, queue.size()]).toEqual([1, 1]);
  queue.serve(from('a'));
  expect(await stays).toBe('a');
});

test('an abort after the place was given changes nothing', async () => {
  let left = 0;
  const queue = openWaitingQueue<string>(() => void (left += 1));
  const caller = new AbortController();
  const served = queue.wait(caller.signal);
  queue.serve(from('a'));
  caller.abort();
  expect(await served).toBe('a');
  expect(left).toBe(0);
});

test('rejects all that wait', async () => {
  const queue = openWaitingQueue<string>(() => {});
  const waiting = [queue.wait(never), queue.wait(never)];
  queue.refuse(new Error('no place'));
  const settled = await Promise.allSettled(waiting);
  expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(queue.size()).toBe(0);
});
