import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import * as v from 'valibot';
import { onTestFinished } from 'vitest';
import { type Broker, type BrokerOptions, openBroker } from './broker.ts';
import type { Send } from '../delivery/send.ts';
import type { Clock } from '../delivery/clock.ts';
import type { Log } from '../log.ts';
import type { Trigger } from '../../manifests/types.ts';

/** What the Broker's tests share: a subscriber on a real server, a clock that is turned by hand, a log that is kept. */
export interface Received {
  headers: IncomingHttpHeaders;
  body: string;
}
export interface Reaction {
  status: number;
  headers?: Record<string, string>;
  body?: string | Buffer;
}

/** `react` may also break the connection off, or never come back. */
export async function startSubscriber(react: (received: Received) => Reaction | 'reset' | Promise<Reaction>) {
  const received: Received[] = [];
  const server = createServer((req, res) => {
    void text(req)
      .then((body) => {
        const one = { headers: req.headers, body };
        received.push(one);
        return react(one);
      })
      .then((reaction) => {
        if (reaction === 'reset') res.destroy();
        else res.writeHead(reaction.status, reaction.headers).end(reaction.body);
      });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = v.parse(v.object({ port: v.number() }), server.address());
  const send: Send = async (_, { headers: { 'content-length': _length, ...headers }, body }, signal) => {
    const url = `http://127.0.0.1:${port}`;
    const response = await fetch(url, {
      method: 'POST',
      headers,
      body: new Uint8Array(body),
      signal,
      redirect: 'manual',
    });
    const answer = Buffer.from(await response.arrayBuffer());
    return { status: response.status, headers: Object.fromEntries(response.headers), body: answer };
  };
  return { received, send };
}

export function manualClock(start = Date.UTC(2026, 0, 1)) {
  let now = start;
  let timers: { at: number; run: () => void }[] = [];
  const clock: Clock = {
    now: () => now,
    after(ms, run) {
      const timer = { at: now + ms, run };
      timers.push(timer);
      return () => void (timers = timers.filter((one) => one !== timer));
    },
  };
  return {
    ...clock,
    /** How long the next timer has to wait. */
    next: () => Math.min(...timers.map(({ at }) => at - now)),
    advance(ms: number) {
      now += ms;
      const due = timers.filter(({ at }) => at <= now).toSorted((a, b) => a.at - b.at);
      timers = timers.filter((timer) => !due.includes(timer));
      for (const { run } of due) run();
    },
  };
}

export function keptLog() {
  const lines: { level: string; message: string; fields: object }[] = [];
  const at = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, message, fields });
  const log: Log = { info: at('info'), warn: at('warn'), error: at('error') };
  return { ...log, lines };
}

export function temporaryFile(name = 'events.db'): string {
  const dir = mkdtempSync(join(tmpdir(), 'formbus-broker-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return join(dir, name);
}

/** A Trigger that takes every event, retries once and has a dead-letter topic. */
export function triggerOf(
  name: string,
  {
    delivery,
    ...changes
  }: Partial<Omit<Trigger, 'delivery'>> & { delivery?: Partial<Trigger['delivery']> } = {},
): Trigger {
  return {
    name,
    file: `eventing/triggers/${name}.yaml`,
    broker: 'bus',
    filter: { kind: 'all', filters: [] },
    subscriber: { service: name, path: '/' },
    ...changes,
    delivery: {
      retry: 1,
      backoffPolicy: 'linear',
      backoffDelayMs: 1_000,
      timeoutMs: 60_000,
      deadLetterTopic: 'dead',
      deadLetterSink: 'dead',
      ...delivery,
    },
  };
}

/** A Broker of its own file, closed at the end of the test. */
export async function startBroker(
  options: Partial<BrokerOptions> & Pick<BrokerOptions, 'send'>,
): Promise<Broker> {
  const broker = await openBroker({
    file: temporaryFile(),
    name: 'bus',
    triggers: [triggerOf('task')],
    log: keptLog(),
    ...options,
  });
  onTestFinished(() => broker.close());
  return broker;
}

export function publish(
  url: string,
  attributes: Record<string, string> = {},
  data: string | Buffer = '{"a":1}',
) {
  const all = { specversion: '1.0', id: '1', source: '/s', type: 't', ...attributes };
  const headers = Object.fromEntries(Object.entries(all).map(([name, value]) => [`ce-${name}`, value]));
  const body = typeof data === 'string' ? data : new Uint8Array(data);
  return fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });
}
