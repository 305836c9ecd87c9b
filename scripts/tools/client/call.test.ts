import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { expect, it, onTestFinished } from 'vitest';
import * as v from 'valibot';
import { call } from './call.ts';

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = v.parse(v.object({ port: v.number() }), server.address());
  return `http://127.0.0.1:${port}`;
}

it.each<[string, RequestListener]>([
  ['nothing', () => {}],
  ['the beginning only', (_, res) => void res.writeHead(200).write('[')],
])('says where and what to do when %s comes', async (_, answer) => {
  const url = await serve(answer);
  await expect(call(v.unknown(), url, '/_/events', { patienceMs: 100 })).rejects.toThrow(
    `Formbus does not answer at ${url} for 0.1 s: it stands still, or has much to do; try again, or stop it and start it anew`,
  );
});

it('says what is no address, and why something else than Formbus answered as it did', async () => {
  for (const url of ['localhost:8080', '127.0.0.1:8080', 'http://'])
    await expect(call(v.unknown(), url, '/_/events')).rejects.toThrow(
      `${url} is no address of a Formbus, such as http://127.0.0.1:8080`,
    );
  const url = await serve((_, res) => void res.writeHead(404).end('{"status":404,"detail":"No such form."}'));
  await expect(call(v.unknown(), url, '/x')).rejects.toThrow(
    new Error(`${url}/x answered 404; is that Formbus? No such form.`),
  );
});
