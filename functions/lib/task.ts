import { CloudEvent, type CloudEventV1 } from 'cloudevents';
import * as v from 'valibot';
import type { Env, EnvEntries } from './env.ts';
import { binaryMessage } from './event.ts';
import { HttpError, plainText, Unavailable, type HttpAnswer, type HttpRequest } from './http.ts';
import { reasonOf, type Log } from './log.ts';
import { counter, histogram } from './metrics.ts';
import { eventOf } from './received-event.ts';
import type { FunctionDefinition } from './serve.ts';

/** Does a task's work on one event. A returned event is a reply, which Knative publishes. It comes at least once and in any order. */
export type TaskHandler<T> = (input: { event: T; log: Log }) => Promise<CloudEventV1<unknown> | void>;

interface StartedTask<T> {
  handle: TaskHandler<T>;
  close?(): Promise<void>;
}

/** A task that keeps something open, such as a connection. */
export interface TaskSetup<T, E extends EnvEntries> {
  env: E;
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
 * 204 done · 200 done, with a reply · 503 (`throw new Unavailable`) again later · 400 (any other error) dead letter at once.
 * Errors of the task's own making may be thrown as `HttpError` with any status that Knative tells apart.
 * @param options.replies the types that its replies may have; another one fails, so that no loop hides from the manifests' test
 */
export function task<T extends { id: string; type: string }, E extends EnvEntries = EnvEntries>(
  name: string,
  schema: v.GenericSchema<unknown, T>,
  work: TaskHandler<T> | TaskSetup<T, E>,
  { replies = [] }: { replies?: readonly string[] } = {},
): TaskDefinition {
  const start: TaskSetup<T, E>['start'] = typeof work === 'function' ? () => ({ handle: work }) : work.start;
  return {
    name,
    replies,
    env: typeof work === 'function' ? {} : work.env,
    limits: { maxBytes, deadlineMs: 30_000 },
    async start(env: Env<E>, log) {
      const { handle, close = async () => {} } = await start(env, log);
      return { handle: (request) => answer(request, { schema, handle, replies, log }), close };
    },
    answerError: (error) =>
      plainText(
        error.status >= 500 && !(error instanceof Unavailable) ? 400 : error.status,
        error.message,
        error.headers,
      ),
    answered({ method, status, seconds }) {
      if (method !== 'POST') return;
      counter('formbus_task_events_total', String(status)).add();
      histogram('formbus_task_seconds').observe(seconds);
    },
  };
}

interface AnswerOptions<T> {
  schema: v.GenericSchema<unknown, T>;
  handle: TaskHandler<T>;
  replies: readonly string[];
  log: Log;
}

async function answer<T extends { id: string; type: string }>(
  request: HttpRequest,
  { schema, handle, replies, log }: AnswerOptions<T>,
): Promise<HttpAnswer> {
  if (request.method !== 'POST')
    throw new HttpError(405, 'Events come by POST.', { headers: { allow: 'POST' } });
  const received = eventOf(request);
  const parsed = v.safeParse(schema, { ...received });
  if (!parsed.success) {
    // valibot's messages quote what was received, which may be somebody's answer.
    const wrong = parsed.issues.map((issue) => v.getDotPath(issue) ?? 'the event').join(', ');
    throw new HttpError(400, `The event is not what this task takes; wrong or missing: ${wrong}.`);
  }
  const event = parsed.output;
  try {
    const reply = await handle({ event, log });
    if (!reply) return { status: 204 };
    if (reply.type === event.type)
      throw new Error(`The reply has the input's own type, ${reply.type}: it would loop.`);
    if (!replies.includes(reply.type))
      throw new Error(
        `The reply's type, ${reply.type}, is not among the task's replies: ${replies.join(', ')}.`,
      );
    return { status: 200, ...binaryMessage(new CloudEvent(reply)) };
  } catch (error) {
    if (error instanceof Unavailable)
      log.warn({ id: event.id, type: event.type, reason: reasonOf(error) }, 'later');
    else log.error({ id: event.id, type: event.type, err: error }, 'failed for good');
    throw error instanceof HttpError
      ? error
      : new HttpError(400, 'The task failed on this event; see its log.', { cause: error });
  }
}
