import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { demoForm } from '../../forms/demo-form/demo-form.ts';
import { formEnv, startSink, type Sink } from '../../testing/sink.ts';
import { serve, type Served } from '../serve/serve.ts';

/** A submission that demo-form accepts. */
export const valid = { name: 'Asha', message: 'Hello' };

/** A demo-form that waits 200 ms for a body, and the sink of its events, for all tests of a file. */
export function useDemoForm(): { readonly url: string; readonly sink: Sink } {
  let sink: Sink;
  let served: Served;
  beforeAll(async () => {
    sink = await startSink();
    served = await serve(demoForm, { env: formEnv(sink), limits: { maxBytes: 100_000, deadlineMs: 200 } });
  });
  afterAll(async () => {
    await served.close();
    await sink.close();
  });
  beforeEach(() => {
    sink.events = [];
    sink.answer = undefined;
  });
  return {
    get url() {
      return served.url;
    },
    get sink() {
      return sink;
    },
  };
}

/** Sends bytes as they are, and returns everything received until the server closes the connection. */
export function sendRaw(url: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    socket.on('data', (data) => (answer += data.toString()));
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
  });
}
