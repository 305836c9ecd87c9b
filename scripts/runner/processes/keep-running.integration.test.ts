import { expect, test } from 'vitest';
import type { Child } from './child.ts';
import { keepRunning } from './keep-running.ts';
import { recordingLog } from '../serving/testing.ts';

/** A server that runs until it is stopped. */
function server(pid: number) {
  const ended = Promise.withResolvers<string>();
  const child: Child = {
    pid,
    exited: ended.promise,
    running: () => true,
    lastLines: () => '',
    stop: async () => ended.resolve('was stopped'),
  };
  return { child, die: () => ended.resolve('was ended by SIGKILL') };
}

test('a server that comes up while all is being closed is ended as well', async () => {
  const [first, second] = [server(1), server(2)];
  const starting = Promise.withResolvers<void>();
  const up = Promise.withResolvers<Child>();
  const kept = keepRunning({
    from: 'redis',
    command: 'redis-server',
    first: first.child,
    start() {
      starting.resolve();
      return up.promise;
    },
    log: recordingLog(),
  });
  first.die();
  await starting.promise;
  const closed = kept.close(0);
  up.resolve(second.child);
  await closed;
  expect(await second.child.exited).toBe('was stopped');
});
