import type { Answer } from '../../events/delivery-outcome.ts';
import type { Send } from './send.ts';
import type { Clock } from './clock.ts';
import { binaryRequest, type CloudEvent } from '../../events/cloud-event.ts';
import { headerBytes, MAX_HEADER_BYTES } from '../../events/limits.ts';
import type { Subscriber } from '../../manifests/types.ts';
import { NAMESPACE } from '../../events/namespace.ts';
import { noAnswer, type Outcome } from '../../events/delivery-outcome.ts';

/** Vert.x's `maxRedirects`. */
const MAX_REDIRECTS = 16;

/** What Knative's dispatchers send beside the event: an event in the answer is welcome, and whose it is. */
const DISPATCHER_HEADERS = { prefer: 'reply', 'kn-namespace': NAMESPACE };

/**
 * Delivers an event once over HTTP, as `WebClientCloudEventSender` does: a 303 is followed by a GET. No answer, be it for the network or
 * because nothing came for `timeoutMs`, is one that is retried.
 * @param judge says what an answer means
 * @param controller breaks it off; what comes of it then means nothing
 */
export async function attempt({
  event,
  to,
  timeoutMs,
  judge,
  send,
  clock,
  controller,
}: {
  event: CloudEvent;
  to: Subscriber;
  timeoutMs: number;
  judge: (answer: Answer) => Outcome;
  send: Send;
  clock: Clock;
  controller: AbortController;
}): Promise<Outcome> {
  const { signal } = controller;
  let last = clock.now();
  let cancel = () => {};
  const progress = () => void (last = clock.now());
  /** The time-out is one between bytes: an answer that drips is read to its end. */
  const watch = (ms: number) => {
    cancel = clock.after(ms, () => {
      const left = last + timeoutMs - clock.now();
      if (left > 0) watch(left);
      else controller.abort(new Error(`no answer within ${timeoutMs} ms`));
    });
  };
  watch(timeoutMs);
  try {
    const { headers, body } = requestOf(event);
    let answer = await orAborted(send(to, { headers, body, progress }, signal), signal);
    let target = to;
    for (let followed = 0; isFollowed(answer, followed) && followed < MAX_REDIRECTS; followed += 1) {
      target = resolve(answer.headers['location'] ?? '', target);
      progress();
      const get = {
        method: 'GET',
        headers: { ...headers, 'content-length': '0' },
        body: Buffer.alloc(0),
        progress,
      };
      answer = await orAborted(send(target, get, signal), signal);
    }
    return judge(answer);
  } catch (error) {
    return noAnswer(signal.aborted ? signal.reason : error);
  } finally {
    cancel();
  }
}

/** Vert.x follows no other redirection of a POST; those of the GET that came of it, it does. */
function isFollowed({ status, headers }: Answer, followed: number): boolean {
  const statuses = followed === 0 ? [303] : [301, 302, 303, 307, 308];
  return statuses.includes(status) && headers['location'] !== undefined;
}

function resolve(location: string, from: Subscriber): Subscriber {
  const { href, host, pathname, search } = new URL(location, urlOf(from));
  return 'service' in from && host === from.service ? { ...from, path: pathname + search } : { uri: href };
}

function requestOf(event: CloudEvent) {
  const { headers, body } = binaryRequest(event);
  return { headers: { ...headers, ...DISPATCHER_HEADERS }, body };
}

/** The bytes of its headers, if an ingress of Knative refuses the event for them. */
export function refusedBytes(event: CloudEvent): number | undefined {
  const bytes = headerBytes(requestOf(event).headers);
  return bytes > MAX_HEADER_BYTES ? bytes : undefined;
}

/** What the log says of a dead letter that is refused so. */
export const LOST =
  'the headers of the dead letter are too long for the KafkaSink: on a cluster this event is lost; here it is kept with the dead letters';

/** What `knativeerrordest` says. */
export function urlOf(to: Subscriber): string {
  return 'uri' in to ? to.uri : `http://${to.service}${to.path}`;
}

/** Does not wait for a sender that ignores its signal. */
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
