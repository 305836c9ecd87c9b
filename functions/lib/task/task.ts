import { CloudEvent, type CloudEventV1 } from 'cloudevents';
import * as v from 'valibot';
import { attributeBytes, mostAttributeBytes } from '../event/attribute-bytes.ts';
import type { Env, EnvEntries } from '../runtime/env.ts';
import { errorText, framesOf } from '../runtime/error-text.ts';
import { binaryMessage, type BinaryMessage } from '../event/event.ts';
import { Forgotten } from '../event/forgotten.ts';
import { Refused, Unavailable } from '../runtime/errors.ts';
import { HttpError, httpErrorOf, plainText, type HttpAnswer, type HttpRequest } from '../serve/http.ts';
import type { Later, LaterEnv, LaterOptions, LaterQueue, Verdict } from '../later/later.ts';
import { TryLater } from '../later/try-later.ts';
import { reasonOf, type Log } from '../runtime/log.ts';
import { counter, histogram } from '../metrics/metrics.ts';
import { eventOf } from './received-event.ts';
import type { FunctionDefinition } from '../serve/definition.ts';

/** Does a task's work on one event. A returned event is a reply, which Knative publishes. It comes at least once and in any order. */
export type TaskHandler<T> = (input: { event: T; log: Log }) => Promise<CloudEventV1<unknown> | void>;

interface StartedTask<T> {
  handle: TaskHandler<T>;
  close?(): Promise<void>;
}

/** A task that keeps something open, such as a connection. */
export interface TaskSetup<T, E extends EnvEntries> {
  env: E;
  /** How events for which it throws `TryLater` are tried again; a PingSource has to call it each minute then. */
  later?: { queue: LaterQueue; options(env: Env<E>): LaterOptions };
  start(env: Env<E>, log: Log): Promise<StartedTask<T>> | StartedTask<T>;
}

/** A task as its manifest knows it: the annotation `formbus.dev/replies` of its Service lists the same types. */
export interface TaskDefinition extends FunctionDefinition {
  replies: readonly string[];
}

/** The Broker's own limit for an event. */
const maxBytes = 1_048_576 + 65_536;

/**
 * Makes a task. The answer decides what Knative does with the event:
 * 204 done · 200 done, with a reply · 503 (`throw new Unavailable`) again soon · 400 (any other error) dead letter at once.
 * With `later`, `throw new TryLater` is 204, too: the event is in the task's own queue. `throw new Refused` says why in the dead letter;
 * of an error that was not expected the class and the first line do. `HttpError` may have any status that Knative tells apart.
 * @param options.replies the types that its replies may have; another one fails, so that no loop hides from the manifests' test
 */
export function task<T extends { id: string; type: string }, E extends EnvEntries = EnvEntries>(
  name: string,
  schema: v.GenericSchema<unknown, T>,
  work: TaskHandler<T> | TaskSetup<T, E>,
  { replies = [] }: { replies?: readonly string[] } = {},
): TaskDefinition {
  const setup: Pick<TaskSetup<T, E>, 'later' | 'start'> = typeof work === 'function'
    ? { start: () => ({ handle: work }) }
    : work;
  if (setup.later && replies.length > 0)
    throw new Error(`Task ${name}: what it tries later it cannot reply to, for nobody waits for that then.`);
  return {
    name,
    replies,
    env: typeof work === 'function' ? {} : { ...setup.later?.queue.env, ...work.env },
    limits: { maxBytes, deadlineMs: 30_000 },
    async start(env: Env<E> & LaterEnv, log) {
      const { handle, close = async () => {} } = await setup.start(env, log);
      const judge = (event: CloudEventV1<unknown>) => judgeEvent(event, { schema, handle, replies, log });
      const later = setup.later?.queue.open({
        ...setup.later.options(env),
        task: name,
        env,
        log,
        handle: ({ headers, body }) => judge(eventOf({ headers, body: Buffer.from(body) })),
      });
      return {
        handle: (request) => answer(request, { judge, later }),
        async close() {
          await later?.close();
          await close();
        },
      };
    },
    answerError: (error) =>
      plainText(
        error.status >= 500 && error.status !== 503 ? 400 : error.status,
        error.message,
        error.headers,
      ),
    answered({ method, status, reason, seconds }) {
      if (method !== 'POST' || reason === pinged) return;
      counter('formbus_task_events_total', String(status)).add();
      histogram('formbus_task_seconds').observe(seconds);
    },
  };
}

/** What a PingSource sends. */
const pingType = 'dev.knative.sources.ping';
/** It is none of the events that are counted. */
const pinged = 'ping';

interface AnswerOptions {
  judge: (event: CloudEventV1<unknown>) => Promise<Verdict>;
  later: Later | undefined;
}

async function answer(request: HttpRequest, { judge, later }: AnswerOptions): Promise<HttpAnswer> {
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
      throw new Unavailable(`${reason} (This task throws TryLater, and has no queue: say how by its later.)`);
    const redriven = event['redriven'] !== undefined;
    await later.put({ id: event.id, message: messageOf(request, event), destination, reason, redriven });
    return { status: 204 };
  }
  const { reply } = verdict;
  return reply ? { status: 200, ...binaryMessage(new CloudEvent(reply)) } : { status: 204 };
}

interface JudgeOptions<T> {
  schema: v.GenericSchema<unknown, T>;
  handle: TaskHandler<T>;
  replies: readonly string[];
  log: Log;
}

/** Has the handler do its work. Never rejects. */
async function judgeEvent<T extends { id: string; type: string }>(
  received: CloudEventV1<unknown>,
  { schema, handle, replies, log }: JudgeOptions<T>,
): Promise<Verdict> {
  const parsed = v.safeParse(schema, { ...received });
  if (!parsed.success) {
    // valibot's messages quote what was received, which may be somebody's answer.
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

/** Knative retries these statuses, and makes the event a dead letter at once after any other. */
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

/** An event as it came, so that it is tried again, and becomes a dead letter, with the bytes that the form published. */
function messageOf({ headers, body }: HttpRequest, event: CloudEventV1<unknown>): BinaryMessage {
  if (headers['ce-specversion'] === undefined) return binaryMessage(event);
  const own = Object.entries(headers).flatMap(([name, value]): [string, string][] =>
    typeof value === 'string' && (name.startsWith('ce-') || name === 'content-type') ? [[name, value]] : [],
  );
  return { headers: Object.fromEntries(own), body: body.toString() };
}
