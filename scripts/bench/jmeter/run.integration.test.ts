import { once } from 'node:events';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';
import { studentDataForm } from '../../../functions/forms/student-data-form/student-data-form.ts';
import { serve } from '../../../functions/lib/serve/serve.ts';
import { formEnv, startSink } from '../../../functions/testing/sink.ts';
import { temporaryFolder } from '../../testing/formbus.ts';
import { describeKafka } from '../../testing/kafka.ts';
import { openJMeter } from './run.ts';

describeKafka("JMeter's plan", () => {
  async function open() {
    const folder = await temporaryFolder();
    onTestFinished(() => folder.remove());
    return openJMeter(folder.path);
  }

  it('submits what student-data-form takes', async () => {
    const sink = await startSink();
    onTestFinished(() => sink.close());
    const served = await serve(studentDataForm, { env: formEnv(sink) });
    onTestFinished(() => served.close());
    const jmeter = await open();
    const report = await jmeter.run(new URL(`${served.url}/`), { users: 5, submissions: 2 });
    expect(report).toMatchObject({ requests: 10, accepted: 10, errors: {} });
    expect(sink.events).toHaveLength(10);
  });

  it('counts errors by their kind', async () => {
    let count = 0;
    const server = createServer((req, res) => {
      void json(req).then(() => {
        count += 1;
        if (count % 3 === 0) return res.socket?.resetAndDestroy();
        return res.writeHead(count % 3 === 1 ? 503 : 202).end();
      });
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    onTestFinished(() => void server.close());
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const jmeter = await open();
    const report = await jmeter.run(new URL(`http://127.0.0.1:${port}/`), { users: 1, submissions: 3 });
    expect(report).toMatchObject({ requests: 3, accepted: 1, errors: { 503: 1, SocketException: 1 } });
  });
});
