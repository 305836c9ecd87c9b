import { HTTP } from 'cloudevents';
import { expect, it } from 'vitest';
import { submissionEvent } from '../../lib/event.ts';
import { serve } from '../../lib/serve.ts';
import { demoTask } from './demo-task.ts';

it('acknowledges a submission', async () => {
  const served = await serve(demoTask, { env: { PORT: '0', HOST: '127.0.0.1', LOG_LEVEL: 'silent' } });
  const event = submissionEvent({
    type: 'form.submitted',
    id: 'id-1',
    form: 'demo-form',
    receivedAt: new Date(),
    data: { name: 'Asha', message: 'Hello' },
    dataschema: 'urn:formbus:form:demo-form:0',
    spreadsheetId: 'spreadsheet-1',
    tab: 'demo-form',
    traceparent: undefined,
  });
  const { headers, body } = HTTP.binary(event);
  const sent = Object.entries(headers).map(([key, value]): [string, string] => [key, String(value)]);
  const answer = await fetch(served.url, { method: 'POST', headers: sent, body: String(body) });
  expect(answer.status).toBe(204);
  await served.close();
});
