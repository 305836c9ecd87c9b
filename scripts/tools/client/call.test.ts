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
  ['no answer', () => {}],
  ['only the beginning of an answer', (_, res) => void res.writeHead(200).write('[')],
])('says where and what to do when %s arrives', async (_, answer) => {
  const url = await serve(answer);
  await expect(call(v.unknown(), url, '/_/events', { patienceMs: 100 })).rejects.toThrow(
    `Formbus does not answer at ${url} within 0.1 s: it hangs or is busy; try again, or stop it and start it again`,
  );
});

it('names an address that is not one, and repeats what something other than Formbus answered', async () => {
  for (const url of ['localhost:8080', '127.0.0.1:8080', 'http://'])
    await expect(call(v.unknown(), url, '/_/events')).rejects.toThrow(
      `${url} is not the address of a Formbus, such as http://127.0.0.1:8080`,
    );
  const url = await serve((_, res) => void res.writeHead(404).end('{"status":404,"detail":"No such form."}'));
  await expect(call(v.unknown(), url, '/x')).rejects.toThrow(
    new Error(`${url}/x answered 404; is that Formbus? No such form.`),
  );
});
