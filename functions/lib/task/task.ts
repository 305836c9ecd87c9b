import type { CloudEventV1 } from 'cloudevents';
import type * as v from 'valibot';
import type { LaterEnv, LaterOptions } from '../later/later.ts';
import type { LaterQueue } from '../later/later-queue.ts';
import { counter, histogram } from '../metrics/metrics.ts';
import type { Env, EnvEntries } from '../runtime/env.ts';
import type { Log } from '../runtime/log.ts';
import type { FunctionDefinition } from '../serve/definition.ts';
import { plainText } from '../serve/http.ts';
import { answerEvent, pinged } from './answer-event.ts';
import { judgeEvent } from './judge-event.ts';
import { eventOf } from './received-event.ts';
import type { TaskHandler } from './task-handler.ts';

interface StartedTask<T> {
  handle: TaskHandler<T>;
  close?(): Promise<void>;
}

/**
 * A task that reads its environment, or keeps something open, such as a connection.
 *
 * @example
 * ```ts
 * const setup: TaskSetup<Submission, { WEBHOOK_URL: typeof Url }> = {
 *   env: { WEBHOOK_URL: Url },
 *   start: ({ WEBHOOK_URL }) => ({ handle: ({ event }) => post(WEBHOOK_URL, event) }),
 * };
 * ```
 */
export interface TaskSetup<T, E extends EnvEntries> {
  env: E;
  /** How events for which it throws `TryLater` are tried again; it then needs a PingSource that calls it each minute. */
  later?: { queue: LaterQueue; options(env: Env<E>): LaterOptions };
  start(env: Env<E>, log: Log): Promise<StartedTask<T>> | StartedTask<T>;
}

/**
 * A task, as `task` makes it. The annotation `formbus.dev/replies` of its Service lists the same types as `replies`.
 *
 * @example
 * ```ts
 * export const demoTask: TaskDefinition = task('demo-task', Submission, async () => {});
 * ```
 */
export interface TaskDefinition extends FunctionDefinition {
  replies: readonly string[];
}

/** The Broker's own limit for an event. */
const maxBytes = 1_048_576 + 65_536;

/**
 * Makes a task. The answer decides what Knative does with the event:
 * 204 done · 200 done, with a reply · 503 (`throw new Unavailable`) again soon · 400 (any other error) dead letter at once.
 * With `later`, `throw new TryLater` is 204, too: the event is in the task's own queue. The message of `throw new Refused` is the dead
 * letter's reason; of an unexpected error the class and the first line are.
 *
 * @param name the name of its folder, file and manifests
 * @param schema what it takes: `Submission`, `submissionOf(form)`, `SubmissionOrForgotten`, `AnyEvent`, or a valibot schema of your own
 * @param options.replies the types that its replies may have; any other fails, so that the manifests' test sees every loop
 * @example
 * ```ts
 * export const demoTask = task('demo-task', Submission, async ({ event, log }) => {
 *   log.info({ id: event.id, form: event.form }, 'seen');
 * });
 * ```
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
    throw new Error(
      `Task ${name}: a task that tries events later cannot reply, because by then nothing waits for the reply; remove later or replies.`,
    );
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
        handle: (request) => answerEvent(request, { judge, later }),
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
