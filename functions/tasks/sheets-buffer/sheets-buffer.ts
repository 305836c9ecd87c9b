import { openBuffer, type Cells } from '../../lib/buffer.ts';
import { integer } from '../../lib/env.ts';
import { Submission } from '../../lib/event.ts';
import { placeOf } from '../../lib/place.ts';
import { openRedis, redisEnv } from '../../lib/redis.ts';
import { task } from '../../lib/task.ts';

/** Puts a submission into the buffer as a row of its sheet; suspected ones go to the moderators' tab. */
export const sheetsBuffer = task('sheets-buffer', Submission, {
  env: {
    ...redisEnv,
    SEEN_DAYS: integer('for how many days an id is remembered', { min: 1, max: 400, fallback: 30 }),
  },
  async start(env, log) {
    const redis = await openRedis(env, log);
    const buffer = openBuffer({ redis, seenDays: env.SEEN_DAYS });
    return {
      async handle({ event }) {
        const isNew = await buffer.push(rowOf(event));
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
    cells: { '@time': time, ...moderated, ...cellsOf(data) },
  };
}

function cellsOf(data: Submission['data']): Cells {
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [
      key,
      Array.isArray(value) ? value.join(', ') : (value ?? ''),
    ]),
  );
}
