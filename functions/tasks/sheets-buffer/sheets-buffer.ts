import { isForgotten, type Submission, SubmissionOrForgotten, task } from 'formbus';
import type { Cells } from '../../lib/buffer/types.ts';
import { openErasure } from '../../lib/buffer/erasure.ts';
import { openRowQueue } from '../../lib/buffer/row-queue.ts';
import { counter } from '../../lib/metrics/metrics.ts';
import { placeOf } from '../../lib/event/destination.ts';
import { openRedis, redisEnv } from '../../lib/stores/redis.ts';
import { seenDaysEnv } from '../../lib/stores/seen-days.ts';

/** Puts a submission into the buffer as a row of its sheet. Suspected submissions, and what tasks found out about others, go to the moderators' tab. Removes a forgotten submission. */
export const sheetsBuffer = task('sheets-buffer', SubmissionOrForgotten, {
  env: {
    ...redisEnv,
    ...seenDaysEnv,
  },
  async start(env, log) {
    const redis = await openRedis(env, log);
    const queue = openRowQueue({ redis, seenDays: env.SEEN_DAYS });
    const erasure = openErasure(redis);
    return {
      async handle({ event }) {
        if (isForgotten(event)) {
          await erasure.erase(placeOf(event).spreadsheetId, event.data.id);
          log.info({ id: event.data.id, form: event.form }, 'forgotten');
          return;
        }
        const isNew = await queue.push(rowOf(event));
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

/** What another task found out gets columns of its own, such as `analyzed.terms`, beside those of the forms' fields. */
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
