import { expect, it } from 'vitest';
import { listenQueueOf } from './system.ts';

it('reads the counters of full listen queues by their names', () => {
  const netstat = [
    'TcpExt: SyncookiesSent ListenOverflows ListenDrops',
    'TcpExt: 1 22 333',
    'IpExt: InNoRoutes ListenOverflows',
    'IpExt: 4 5',
  ].join('\n');
  expect(listenQueueOf(netstat)).toEqual({ ListenOverflows: 22, ListenDrops: 333 });
});
