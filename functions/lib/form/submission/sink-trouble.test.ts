import { once } from 'node:events';
import { createServer } from 'node:http';
import * as v from 'valibot';
import { describe, expect, it, onTestFinished } from 'vitest';
import { demoForm } from '../../../forms/demo-form/demo-form.ts';
import { formEnv, postJson, startSink, type Sink } from '../../../testing/sink.ts';
import { serve } from '../../serve/serve.ts';
import { useDemoForm, valid } from '../testing.ts';

const demo = useDemoForm();

describe('when the sink does not acknowledge', () => {
  it.each([
    ['answers 503', (sunk: Sink) => (sunk.answer = (res) => res.writeHead(503).end())],
    ['answers 400', (sunk: Sink) => (sunk.answer = (res) => res.writeHead(400).end())],
    [
      'redirects',
      (sunk: Sink) => (sunk.answer = (res) => res.writeHead(302, { location: '/elsewhere' }).end()),
    ],
    ['breaks off', (sunk: Sink) => (sunk.answer = (res) => res.destroy())],
    ['never answers', (sunk: Sink) => (sunk.answer = () => {})],
  ])('the form answers 503 with Retry-After: the sink %s', async (_, misbehave) => {
    misbehave(demo.sink);
    const answer = await postJson(demo.url, valid);
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('2');
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(demo.sink.events).toEqual([]);
  });

  it('a person gets the page back with what was typed and the same token', async () => {
    demo.sink.answer = (res) => res.writeHead(503).end();
    const body = new URLSearchParams({ ...valid, _token: 'token-1' });
    const answer = await fetch(demo.url, { method: 'POST', body, headers: { accept: 'text/html' } });
    expect(answer.status).toBe(503);
    const page = await answer.text();
    expect(page).toContain('please send it again');
    expect(page).toContain('value="Asha"');
    expect(page).toContain('value="token-1"');
  });

  it('the form answers 503 when the sink cannot be reached, too', async () => {
    const gone = await startSink();
    await gone.close();
    const form = await serve(demoForm, { env: formEnv(gone) });
    expect((await postJson(form.url, valid)).status).toBe(503);
    await form.close();
  });
});

it('the form keeps no connection to the sink after it is closed', async () => {
  let open = 0;
  const server = createServer(
    { keepAliveTimeout: 0 },
    (req, res) => void req.resume().on('end', () => res.writeHead(202).end()),
  );
  server.on('connection', (socket) => {
    open += 1;
    socket.on('close', () => (open -= 1));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = v.parse(v.object({ port: v.number() }), server.address());
  const form = await serve(demoForm, { env: formEnv({ url: `http://127.0.0.1:${port}` }) });
  expect((await postJson(form.url, valid)).status).toBe(202);
  expect(open).toBe(1);
  await form.close();
  await expect.poll(() => open).toBe(0);
});
