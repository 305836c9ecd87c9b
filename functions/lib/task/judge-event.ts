import { CloudEvent, type CloudEventV1 } from 'cloudevents';
import * as v from 'valibot';
import { attributeBytes, mostAttributeBytes } from '../event/attribute-bytes.ts';
import type { Verdict } from '../later/later.ts';
import { TryLater } from '../later/try-later.ts';
import { errorText, framesOf } from '../runtime/error-text.ts';
import { Refused, Unavailable } from '../runtime/errors.ts';
import { reasonOf, type Log } from '../runtime/log.ts';
import { HttpError, httpErrorOf } from '../serve/http.ts';
import type { TaskHandler } from './task-handler.ts';

interface JudgeOptions<T> {
  schema: v.GenericSchema<unknown, T>;
  handle: TaskHandler<T>;
  replies: readonly string[];
  log: Log;
}

/** Checks an event, runs the handler on it and decides what becomes of the event. Never rejects. */
export async function judgeEvent<T extends { id: string; type: string }>(
  received: CloudEventV1<unknown>,
  { schema, handle, replies, log }: JudgeOptions<T>,
): Promise<Verdict> {
  const parsed = v.safeParse(schema, { ...received });
  if (!parsed.success) {
    // valibot's messages quote what was received, which may be a person's answer.
    const wrong = parsed.issues.map((issue) => v.getDotPath(issue) ?? 'the event').join(', ');
    return failed(new HttpError(400, `The event is not what this task takes; wrong or missing: ${wrong}.`));
  }
  const event = parsed.output;
  const { id, type } = event;
  try {
    const reply = await handle({ event, log });
    if (reply) checkReply(reply, type, replies);
    return { kind: 'done', reply: reply ?? undefined };
  } catch (error) {
    if (error instanceof TryLater) return { kind: 'later', error };
    if (error instanceof Unavailable) {
      log.warn({ id, type, reason: reasonOf(error) }, 'unavailable, will be retried');
      return { kind: 'unavailable', error, code: 503 };
    }
    const reason = errorText(error, received.data);
    log.error({ id, type, reason, stack: framesOf(error) }, 'failed permanently');
    return failed(httpErrorOf(error) ?? new HttpError(400, reason));
  }
}

/** Knative retries these statuses, and makes the event a dead letter at once after any other; scripts/events/delivery-outcome.ts has the same. */
function failed(error: HttpError): Verdict {
  const { status: code } = error;
  const isRetried = code >= 500 || [404, 408, 409, 429].includes(code);
  return { kind: isRetried ? 'unavailable' : 'refused', error, code };
}

function checkReply(reply: CloudEventV1<unknown>, type: string, replies: readonly string[]) {
  if (reply.type === type)
    throw new Refused(`The reply has the input's own type, ${reply.type}: it would loop.`);
  if (!replies.includes(reply.type))
    throw new Refused(
      `The reply's type, ${reply.type}, is not among the task's replies: ${replies.join(', ')}.`,
    );
  const bytes = attributeBytes(new CloudEvent(reply));
  if (bytes > mostAttributeBytes)
    throw new Refused(
      `The reply's attributes take ${bytes} bytes, and may take ${mostAttributeBytes}: Knative would lose it. Move what is long into its data.`,
    );
}
