import { CloudEvent, type CloudEventV1 } from 'cloudevents';
import * as v from 'valibot';
import { binaryMessage, type BinaryMessage } from '../event/event.ts';
import { Forgotten } from '../event/forgotten.ts';
import type { Later, Verdict } from '../later/later.ts';
import { Unavailable } from '../runtime/errors.ts';
import { HttpError, type HttpAnswer, type HttpRequest } from '../serve/http.ts';
import { eventOf } from './received-event.ts';

/** What a PingSource sends. */
const pingType = 'dev.knative.sources.ping';
/** The reason of an answer to a ping, which is not counted as an event. */
export const pinged = 'ping';

interface AnswerOptions {
  judge: (event: CloudEventV1<unknown>) => Promise<Verdict>;
  later: Later | undefined;
}

/** Answers a request to a task: acts on the verdict about its event. */
export async function answerEvent(
  request: HttpRequest,
  { judge, later }: AnswerOptions,
): Promise<HttpAnswer> {
  if (request.method !== 'POST')
    throw new HttpError(405, 'Events come by POST.', { headers: { allow: 'POST' } });
  const event = eventOf(request);
  if (later && event.type === pingType) {
    await later.run();
    return { status: 204, reason: pinged };
  }
  const forgotten = later && v.safeParse(Forgotten, { ...event });
  if (forgotten?.success) await later?.forget(forgotten.output.data.id);

  const verdict = await judge(event);
  if (verdict.kind === 'unavailable' || verdict.kind === 'refused') throw verdict.error;
  if (verdict.kind === 'later') {
    const { message: reason, destination } = verdict.error;
    if (!later)
      throw new Unavailable(`${reason} (This task throws TryLater but has no queue: add a later queue.)`);
    const redriven = event['redriven'] !== undefined;
    await later.put({ id: event.id, message: messageOf(request, event), destination, reason, redriven });
    return { status: 204 };
  }
  const { reply } = verdict;
  return reply ? { status: 200, ...binaryMessage(new CloudEvent(reply)) } : { status: 204 };
}

/** An event as it came, so that it is tried again, and becomes a dead letter, with the bytes that the form published. */
function messageOf({ headers, body }: HttpRequest, event: CloudEventV1<unknown>): BinaryMessage {
  if (headers['ce-specversion'] === undefined) return binaryMessage(event);
  const own = Object.entries(headers).flatMap(([name, value]): [string, string][] =>
    typeof value === 'string' && (name.startsWith('ce-') || name === 'content-type') ? [[name, value]] : [],
  );
  return { headers: Object.fromEntries(own), body: body.toString() };
}
