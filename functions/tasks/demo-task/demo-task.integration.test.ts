import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startFunction } from '../../testing/process.ts';

it('notes that it has seen a submission, and nothing of what was typed', async () => {
  const main = join(import.meta.dirname, '../../main.ts');
  const served = await startFunction(main, { FUNCTION_TARGET: 'demo-task' });
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
  served.kill('SIGTERM');
  expect(await served.exited).toBe(0);
  const line = { service: 'demo-task', level: 'info', severity: 'INFO', time: expect.any(String) };
  expect(served.logged()[1]).toEqual({ ...line, id: 'id-1', form: 'demo-form', msg: 'seen' });
});
