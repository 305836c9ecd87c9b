import type { BinaryMessage } from '../event/event.ts';

/** How much of a failed answer's body Knative keeps, in bytes. */
const longestData = 1_024;
const patienceMs = 10_000;

/** Sends an event to the dead letters, with the reason. Rejects when their sink did not accept it. */
export type DeadLetters = (letter: { message: BinaryMessage; code: number; text: string }) => Promise<void>;

/**
 * Makes dead letters with the attributes that the Broker adds to undeliverable events, so that they are listed and redriven like any
 * other. https://knative.dev/docs/eventing/event-delivery/
 * @param sink the address of a KafkaSink: `…/NAMESPACE/NAME`
 */
export function openDeadLetters({ sink, task }: { sink: string; task: string }): DeadLetters {
  const [, namespace = ''] = new URL(sink).pathname.split('/');
  const destination = `http://${task}.${namespace}.svc.cluster.local`;
  return async ({ message, code, text }) => {
    const headers = {
      ...message.headers,
      'ce-knativeerrordest': destination,
      'ce-knativeerrorcode': String(code),
      'ce-knativeerrordata': Buffer.from(text).subarray(0, longestData).toString('base64'),
    };
    const signal = AbortSignal.timeout(patienceMs);
    const answer = await fetch(sink, { method: 'POST', headers, body: message.body, signal });
    await answer.arrayBuffer();
    if (!answer.ok) throw new Error(`The dead-letter sink answered ${answer.status}; see DEAD_LETTER_SINK.`);
  };
}
