import { startTask } from 'formbus/testing';
import { expect, it } from 'vitest';

it('notes that it has seen a submission, and nothing of what was typed', async () => {
  const started = await startTask('demo-task');
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
  expect((await started.deliver(event)).status).toBe(204);
  started.kill('SIGTERM');
  expect(await started.exited).toBe(0);
  const line = { service: 'demo-task', level: 'info', severity: 'INFO', time: expect.any(String) };
  expect(started.logged()[1]).toEqual({ ...line, id: 'id-1', form: 'demo-form', msg: 'seen' });
});
