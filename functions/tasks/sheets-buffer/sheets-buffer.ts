import { openBuffer, type Cells } from '../../lib/buffer/buffer.ts';
import type { Submission } from '../../lib/event/event.ts';
import { isForgotten, SubmissionOrForgotten } from '../../lib/event/forgotten.ts';
import { counter } from '../../lib/metrics/metrics.ts';
import { placeOf } from '../../lib/event/destination.ts';
import { openRedis, redisEnv, seenDays } from '../../lib/stores/redis.ts';
import { task } from '../../lib/task/task.ts';

/** Puts a submission into the buffer as a row of its sheet; suspected ones, and what was found out about others, go to the moderators' tab. A forgotten one is taken out. */
export const sheetsBuffer = task('sheets-buffer', SubmissionOrForgotten, {
  env: {
    ...redisEnv,
    SEEN_DAYS: seenDays,
  },
  async start(env, log) {
    const redis = await openRedis(env, log);
    const buffer = openBuffer({ redis, seenDays: env.SEEN_DAYS });
    return {
      async handle({ event }) {
        if (isForgotten(event)) {
          await buffer.erase(placeOf(event).spreadsheetId, event.data.id);
          log.info({ id: event.data.id, form: event.form }, 'forgotten');
          return;
        }
        const isNew = await buffer.push(rowOf(event));
        if (isNew) counter('formbus_rows_buffered_total', event.form).add();
        else counter('formbus_duplicates_total').add();
        log.info({ id: event.id, form: event.form }, isNew ? 'buffered' : 'seen before');
      },
      close: redis.close,
    };
  },
});

function rowOf({ id, type, form, sheet, time, data }: Submission) {
  const moderated = type === 'form.submitted' ? {} : { '@type': type, '@form': form };
  return {
    ...placeOf({ type, sheet }),
    id,
    time: Date.parse(time),
    ...(type === 'form.submitted' ? { form } : {}),
    cells: { '@time': time, ...moderated, ...cellsOf(data, columnPrefix(type)) },
  };
}

/** What another task found out has columns of its own, as `analyzed.terms`, beside those of the forms' fields. */
function columnPrefix(type: string): string {
  return type === 'form.submitted' || type === 'form.suspected' ? '' : `@${type.replace(/^form\./, '')}.`;
}

function cellsOf(data: Submission['data'], prefix: string): Cells {
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [
      prefix + key,
      Array.isArray(value) ? value.join(', ') : (value ?? ''),
    ]),
  );
}
