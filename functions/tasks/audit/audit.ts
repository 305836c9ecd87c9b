import { AnyEvent, task } from 'formbus';
import { CloudEvent } from 'cloudevents';
import * as v from 'valibot';
import { integer } from '../../lib/runtime/env.ts';
import { openDatabase, postgresEnv } from '../../lib/stores/postgres.ts';
import { openRedis, redisEnv } from '../../lib/stores/redis.ts';
import { openSheets, sheetsEnv } from '../../lib/sheets/sheets.ts';
import type { Run } from './progress.ts';
import { runAudit } from './run.ts';

/** A PingSource's data; without it the event begins an audit when none is under way. */
const Data = v.object({ continue: v.literal(true) });

/**
 * Compares the archive, form by form, with the sheets and the buffer, and reports what is lost and what is duplicated. An audit that takes
 * longer than a request continues with the next event, also after a kill. The answer to the event that completes it carries the result.
 */
export const audit = task(
  'audit',
  AnyEvent,
  {
    env: {
      ...redisEnv,
      ...sheetsEnv,
      DATABASE_URL: v.pipe(
        v.optional(postgresEnv.DATABASE_URL),
        v.description("the archive's postgres:// address; without it there is no audit"),
      ),
      AUDIT_DAYS: integer('how many days back the audit looks', { min: 1, max: 400, fallback: 7 }),
    },
    async start(env, log) {
      const { DATABASE_URL } = env;
      if (DATABASE_URL === undefined) {
        return {
          handle: async () => log.warn({}, 'no audit: there is no archive to compare with; set DATABASE_URL'),
        };
      }
      const redis = await openRedis(env, log);
      const database = openDatabase({ DATABASE_URL }, log);
      const sheets = openSheets(env);
      let isUnderWay = false;
      return {
        async handle({ event }) {
          // The audit under way continues until it is complete; a second one would only use up the quota.
          if (isUnderWay) return log.info({}, 'an audit is under way');
          isUnderWay = true;
          try {
            const mayBegin = !v.is(Data, event['data']);
            const forms = await runAudit({
              redis,
              query: database.query,
              sheets,
              log,
              days: env.AUDIT_DAYS,
              mayBegin,
            });
            return forms && resultOf(event.id, forms);
          } finally {
            isUnderWay = false;
          }
        },
        async close() {
          await Promise.all([redis.close(), database.close()]);
        },
      };
    },
  },
  { replies: ['audit.completed'] },
);

function resultOf(id: string, forms: Run['forms']) {
  return new CloudEvent({
    id: `${id}/audit`,
    type: 'audit.completed',
    source: '/audit',
    datacontenttype: 'application/json',
    data: { forms },
  });
}
