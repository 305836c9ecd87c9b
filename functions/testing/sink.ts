import { createServer, type ServerResponse } from 'node:http';
import { HTTP, type CloudEventV1 } from 'cloudevents';
import * as v from 'valibot';

export interface Sink {
  url: string;
  events: CloudEventV1<unknown>[];
  /** Answers a request instead of 202; leaving it unanswered hangs the sender. */
  answer: ((res: ServerResponse) => void) | undefined;
  close(): Promise<void>;
}

/** A real HTTP server in the place of the Broker; keeps the events that it took. */
export async function startSink(): Promise<Sink> {
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      if (sink.answer) return sink.answer(res);
      const event = HTTP.toEvent({ headers: req.headers, body: Buffer.concat(chunks).toString() });
      sink.events.push(...[event].flat());
      res.writeHead(202).end();
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const sink: Sink = {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    events: [],
    answer: undefined,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return sink;
}

/** What every form needs of its environment. */
export function formEnv(sink: { url: string }, more: Record<string, string> = {}): Record<string, string> {
  return {
    PORT: '0',
    HOST: '127.0.0.1',
    LOG_LEVEL: 'silent',
    K_SINK: sink.url,
    SPREADSHEET_ID: 'spreadsheet-1',
    IDEMPOTENCY_SECRET: 'a secret for the tests only',
    ...more,
  };
}

/** A submission that student-data-form accepts. */
export const student = {
  name: 'Asha Rao',
  roll: '99999',
  university: 'BCE',
  cgpa: '8.04',
  gender: 'F',
  age: '10.11',
  email: 'asha@example.org',
  mobile: '7004465984',
};

export function postJson(
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    redirect: 'manual',
  });
}

/** The answer's JSON object. */
export async function bodyOf(answer: Response): Promise<Record<string, unknown>> {
  return v.parse(v.record(v.string(), v.unknown()), await answer.json());
}
