import { afterAll, beforeAll, beforeEach } from 'vitest';
import { submissionEvent } from '../../lib/event/event.ts';
import { serve, type Served } from '../../lib/serve/serve.ts';
import { startTestRedis, type TestRedis } from '../../testing/redis.ts';
import { startSink, type Sink } from '../../testing/sink.ts';
import { startTestSmtp, type TestSmtp } from '../../testing/smtp.ts';
import { sendConfirmation } from './send-confirmation.ts';

export const data = { name: 'Asha Rao', message: 'Hello there', email: 'asha@example.org' };
export const id = '01a20f8d-8bd4-75a6-8839-17cb7025ce5d';
const event = submissionEvent({
  type: 'form.submitted',
  id,
  form: 'student-data-form',
  receivedAt: new Date(),
  data,
  dataschema: 'urn:formbus:form:student-data-form:0',
  spreadsheetId: 'spreadsheet-1',
  tab: 'student-data-form',
  traceparent: undefined,
  mail: { mailto: 'email' },
});

interface Answer {
  status: number;
  text: string;
}

/** The task with its own SMTP server and Redis for the tests of a file; both are reset before each test. */
export interface TestTask {
  redis: TestRedis;
  smtp: TestSmtp;
  /** The sink of its dead letters. */
  letters: Sink;
  url: string;
  env(): Record<string, string>;
  /** Delivers the event, with other attributes, to this task or to the one at `url`. */
  post(attributes?: Record<string, unknown>, url?: string): Promise<Answer>;
  status(attributes?: Record<string, unknown>, url?: string): Promise<number>;
  /** Calls the task as a PingSource does each minute. */
  ping(url?: string): Promise<number>;
  /** The event's claim in Redis. */
  claim(): Promise<string | null>;
}

export function useTask(): TestTask {
  let redis: TestRedis;
  let smtp: TestSmtp;
  let letters: Sink;
  let served: Served;
  const env = () => ({
    PORT: '0',
    HOST: '127.0.0.1',
    LOG_LEVEL: 'silent',
    REDIS_URL: redis.url,
    SMTP_URL: smtp.url.href,
    SMTP_TLS: 'optional',
    MAIL_FROM: 'Formbus <forms@example.org>',
    MAIL_REPLY_TO: 'office@example.org',
    MAILS_PER_DAY: '3',
    MAIL_SECRET: 'a secret for the tests only',
    DEAD_LETTER_SINK: `${letters.url}/formbus/dead-letters`,
  });
  beforeAll(async () => {
    redis = await startTestRedis();
    smtp = await startTestSmtp();
    letters = await startSink();
    served = await serve(sendConfirmation, { env: env() });
  });
  afterAll(async () => {
    await served.close();
    await smtp.close();
    await letters.close();
    await redis.close();
  });
  beforeEach(async () => {
    await redis.look.flushall();
    Object.assign(smtp, { at: {}, recipients: {}, onMail: () => {} });
    smtp.mails.length = 0;
    Object.assign(letters, { events: [], answer: undefined });
  });
  async function post(attributes: Record<string, unknown> = {}, url = served.url): Promise<Answer> {
    const headers = { 'content-type': 'application/cloudevents+json' };
    const body = JSON.stringify({ ...event, ...attributes });
    const answer = await fetch(url, { method: 'POST', headers, body });
    return { status: answer.status, text: await answer.text() };
  }
  return {
    get redis() {
      return redis;
    },
    get smtp() {
      return smtp;
    },
    get letters() {
      return letters;
    },
    get url() {
      return served.url;
    },
    env,
    post,
    async ping(url = served.url) {
      const ping = { type: 'dev.knative.sources.ping', id: crypto.randomUUID(), source: '/pings' };
      const headers = { 'content-type': 'application/cloudevents+json' };
      const body = JSON.stringify({ specversion: '1.0', ...ping });
      return (await fetch(url, { method: 'POST', headers, body })).status;
    },
    status: async (...args) => (await post(...args)).status,
    claim: () => redis.look.get(`mail:claim:${id}`),
  };
}
