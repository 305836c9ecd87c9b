import { expect, it, onTestFinished } from 'vitest';
import { serve } from '../../lib/serve.ts';
import { demoTask } from './demo-task.ts';

it('takes an event', async () => {
  const served = await serve(demoTask, { env: { PORT: '0', HOST: '127.0.0.1', LOG_LEVEL: 'silent' } });
  onTestFinished(() => served.close());
  const event = {
    specversion: '1.0',
    id: 'id-1',
    type: 'form.submitted',
    source: '/forms/demo-form',
    time: '2026-01-01T00:00:00Z',
    form: 'demo-form',
    sheet: 'spreadsheet-1/demo-form',
    data: { name: 'Asha', message: 'Hello' },
  };
  const headers = { 'content-type': 'application/cloudevents+json' };
  const answer = await fetch(served.url, { method: 'POST', headers, body: JSON.stringify(event) });
  expect(answer.status).toBe(204);
});
