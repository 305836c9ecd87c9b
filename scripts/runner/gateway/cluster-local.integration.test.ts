import { expect, onTestFinished, test } from 'vitest';
import { openClusterLocal } from './cluster-local.ts';
import { openServices, type Services } from '../serving/services.ts';
import { demoFunction, launcher, recordingLog, service } from '../serving/testing.ts';

test('a Service is reached by its name, also by a request that came before any Service was there; an unknown name is answered 404', async () => {
  const running = Promise.withResolvers<Services>();
  const { url, close } = await openClusterLocal(running.promise);
  onTestFinished(close);
  const early = fetch(`${url}/demo/echo?a=1`, { method: 'POST', body: 'counted' });
  const log = recordingLog();
  const settings = service({ clusterLocal: true });
  const services = openServices({ services: [settings], launch: launcher(demoFunction, { log }), log });
  onTestFinished(() => services.close(500));
  running.resolve(services);

  expect(await (await early).json()).toMatchObject({ method: 'POST', url: '/echo?a=1', body: 'counted' });
  expect(await (await fetch(`${url}/demo/echo`)).json()).toMatchObject({ method: 'GET', url: '/echo' });
  expect((await fetch(`${url}/demo`)).status).toBe(200);
  const other = await fetch(`${url}/other/`);
  expect([other.status, await other.text()]).toEqual([
    404,
    expect.stringContaining('there is no Service other'),
  ]);
});

test('when there will be none, requests that wait are answered 503', async () => {
  const running = Promise.withResolvers<Services>();
  const { url, close } = await openClusterLocal(running.promise);
  onTestFinished(close);
  running.promise.catch(() => {});
  const answer = fetch(`${url}/demo/`);
  running.reject(new Error('formbus is stopping'));
  expect((await answer).status).toBe(503);
});
