import { request, type IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { Answer } from '../../events/delivery-outcome.ts';
import { binaryRequest, type CloudEvent } from '../../events/cloud-event.ts';
import { noAnswer, outcomeOf, type Outcome } from '../../events/delivery-outcome.ts';

/** Delivers an event to the task of that host only, and publishes its reply as the Broker would. Tries once. */
export type HandOver = (host: string, event: CloudEvent) => Promise<Exclude<Outcome, { kind: 'reply' }>>;

export interface TasksOptions {
  /**
   * Where the cluster's internal gateway can be reached from here, `http://host:port`; it finds a task by the request's Host.
   * https://knative.dev/docs/serving/services/private-services/
   */
  gateway: string;
  /** Publishes what a task replies. */
  publish: (event: CloudEvent) => Promise<void>;
  /** Long enough for a task that starts from zero. */
  timeoutMs?: number;
}

/** Reaches a cluster's tasks without the Broker. */
export function openTasks({ gateway, publish, timeoutMs = 60_000 }: TasksOptions): HandOver {
  return async (host, event) => {
    const { headers, body } = binaryRequest(event);
    const outcome = await post(gateway, { ...headers, host }, body, timeoutMs).then(outcomeOf, noAnswer);
    if (outcome.kind !== 'reply') return outcome;
    await publish(outcome.event);
    return { kind: 'done' };
  };
}

async function post(
  url: string,
  headers: Record<string, string>,
  body: Buffer,
  timeoutMs: number,
): Promise<Answer> {
  const outgoing = request(url, { method: 'POST', headers, signal: AbortSignal.timeout(timeoutMs) });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve).once('error', reject);
  });
  outgoing.end(body);
  const incoming = await answered;
  const answer = Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]);
  return {
    status: incoming.statusCode ?? 0,
    headers: Object.fromEntries(answer),
    body: await buffer(incoming),
  };
}
