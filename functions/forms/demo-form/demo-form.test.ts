import { bodyOf, formEnv, postJson, serve, startSink } from 'formbus/testing';
import { expect, it, onTestFinished } from 'vitest';
import { demoForm } from './demo-form.ts';

it('publishes what is right, and names the field that is not', async () => {
  const sink = await startSink();
  onTestFinished(() => sink.close());
  const served = await serve(demoForm, { env: formEnv(sink) });
  onTestFinished(() => served.close());
  const fields = { name: 'Asha', message: 'Hello' };
  expect((await postJson(served.url, { ...fields, extra: 'dropped' })).status).toBe(202);
  expect(sink.events).toEqual([
    expect.objectContaining({ type: 'form.submitted', form: 'demo-form', data: fields }),
  ]);
  const refused = await postJson(served.url, { ...fields, name: '' });
  expect(refused.status).toBe(422);
  expect((await bodyOf(refused))['errors']).toMatchObject([{ path: 'name' }]);
});
