import type { Answer, Send } from './broker.ts';
import type { Clock } from './clock.ts';
import { binaryRequest, type Event } from './cloud-event.ts';
import type { Subscriber } from './manifests.ts';
import { noAnswer, type Outcome } from './outcome.ts';

/**
 * Delivers an event once over HTTP. No answer, be it for the network or within `timeoutMs`, is one that is retried.
 * @param judge says what an answer means
 * @param controller breaks it off; what comes of it then means nothing
 */
export async function attempt({
  event,
  to,
  headers = {},
  timeoutMs,
  judge,
  send,
  clock,
  controller,
}: {
  event: Event;
  to: Subscriber;
  headers?: Record<string, string>;
  timeoutMs: number;
  judge: (answer: Answer) => Outcome;
  send: Send;
  clock: Clock;
  controller: AbortController;
}): Promise<Outcome> {
  const { signal } = controller;
  const tooLate = new Error(`no answer within ${timeoutMs} ms`);
  const cancel = clock.after(timeoutMs, () => controller.abort(tooLate));
  try {
    const { headers: own, body } = binaryRequest(event);
    return judge(await orAborted(send(to, { headers: { ...own, ...headers }, body }, signal), signal));
  } catch (error) {
    return noAnswer(signal.aborted ? signal.reason : error);
  } finally {
    cancel();
  }
}

/** What `knativeerrordest` says. */
export function urlOf(to: Subscriber): string {
  return 'uri' in to ? to.uri : `http://${to.service}${to.path}`;
}

/** A sender that overlooks its signal holds nobody up. */
async function orAborted(answer: Promise<Answer>, signal: AbortSignal): Promise<Answer> {
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop);
  });
  try {
    return await Promise.race([answer, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
