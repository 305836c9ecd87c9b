import { once } from 'node:events';
import { createServer, type Server as HttpServer } from 'node:http';
import { createServer as createTcpServer, type Server } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';
import { openTally } from '../../tools/load/tally.ts';
import { postsOf, runUsers } from './users.ts';

async function load(server: Server | HttpServer, { users = 2, requests = 3 } = {}) {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => void server.close());
  const address = server.address();
  const url = new URL(`http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/form/`);
  const tally = openTally({ keepIds: true });
  const posts = postsOf(url, (n) => JSON.stringify({ n, name: 'Zoë' }));
  await runUsers({ url, posts, record: tally.record, users, requests });
  return tally.report(1);
}

it('submits each body once, over a connection for each user', async () => {
  const seen: unknown[] = [];
  let connections = 0;
  const server = createServer((req, res) => {
    void text(req).then((body) => {
      seen.push(JSON.parse(body));
      const answer = JSON.stringify({ id: String(seen.length), name: 'Zoë' });
      res.writeHead(202, { 'content-length': Buffer.byteLength(answer) });
      // In parts, of which the second begins within a letter.
      res.write(Buffer.from(answer).subarray(0, -3));
      setImmediate(() => res.end(Buffer.from(answer).subarray(-3)));
    });
  });
  server.on('connection', () => (connections += 1));
  expect(await load(server)).toMatchObject({ requests: 6, accepted: 6, errors: {} });
  expect(seen).toHaveLength(6);
  expect(seen).toEqual(expect.arrayContaining([0, 1, 2, 3, 4, 5].map((n) => ({ n, name: 'Zoë' }))));
  expect(connections).toBe(2);
});

it('counts refusals by status, and an id that came twice', async () => {
  const answers = [
    { status: 202, id: 'a' },
    { status: 503, id: 'b' },
    { status: 202, id: 'a' },
  ];
  const server = createServer((_, res) => {
    const { status = 202, id } = answers.shift() ?? {};
    const body = JSON.stringify({ id });
    res.writeHead(status, { 'content-length': body.length }).end(body);
  });
  expect(await load(server, { users: 1 })).toMatchObject({
    requests: 3,
    accepted: 1,
    errors: { 503: 1, '202 with the id of an earlier one': 1 },
  });
});

it('connects again after a connection was ended or reset, and counts what was lost with it', async () => {
  let n = 0;
  const server = createServer((_, res) => {
    n += 1;
    if (n === 1) return res.writeHead(202, { 'content-length': 10, connection: 'close' }).end('{"id":"1"}');
    if (n === 2) return res.socket?.resetAndDestroy();
    return res.writeHead(202, { 'content-length': 10 }).end(`{"id":"${n}"}`);
  });
  expect(await load(server, { users: 1 })).toMatchObject({
    requests: 3,
    accepted: 2,
    errors: { ECONNRESET: 1 },
  });
});

it('takes an answer that has no body, and no length', async () => {
  const server = createServer((_, res) => void res.writeHead(204).end());
  expect(await load(server)).toMatchObject({ requests: 6, errors: { 204: 6 } });
});

it('counts what is no answer of HTTP', async () => {
  const server = createTcpServer((socket) => socket.end('hello\r\n\r\n'));
  expect(await load(server, { users: 1, requests: 1 })).toMatchObject({
    accepted: 0,
    errors: { 'an answer without content-length': 1 },
  });
});
