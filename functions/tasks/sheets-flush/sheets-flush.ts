import { AnyEvent, task } from 'formbus';
import * as v from 'valibot';
import { openBuffer } from '../../lib/buffer/buffer.ts';
import { integer } from '../../lib/runtime/env.ts';
import { flush } from './flush.ts';
import { HttpError } from '../../lib/serve/http.ts';
import { histogram } from '../../lib/metrics/metrics.ts';
import { openRedis, redisEnv } from '../../lib/stores/redis.ts';
import { openSheetColumns } from '../../lib/form/open-sheet-columns.ts';
import { openSheets, sheetsEnv } from '../../lib/sheets/sheets.ts';

/** Writes the buffered rows to Google Sheets each time its PingSource fires. */
export const sheetsFlush = task('sheets-flush', AnyEvent, {
  env: {
    ...redisEnv,
    ...sheetsEnv,
    SPREADSHEET_POOL: v.pipe(
      v.optional(v.string(), ''),
      v.transform((list) =>
        list
          .split(',')
          .map((id) => id.trim())
          .filter(Boolean),
      ),
      v.array(v.pipe(v.string(), v.regex(/^[\w-]+$/, 'not ids separated by commas'))),
      v.description(
        'ids of empty spreadsheets in which the rows of full ones continue, separated by commas (default: none)',
      ),
    ),
    SETTLE_SECONDS: integer(
      'how long rows are held back so that late arrivals keep their order, in seconds',
      {
        min: 0,
        max: 60,
        fallback: 2,
      },
    ),
  },
  async start(env, log) {
    const redis = await openRedis(env, log);
    const buffer = openBuffer({ redis, log });
    const sheets = openSheets(env);
    const columnsOfForm = openSheetColumns(log);
    return {
      async handle() {
        const settleMs = env.SETTLE_SECONDS * 1_000;
        const begin = performance.now();
        const spares = env.SPREADSHEET_POOL;
        const { rows, failed } = await flush({ buffer, sheets, log, settleMs, spares, columnsOfForm });
        histogram('formbus_flush_seconds').observe((performance.now() - begin) / 1_000);
        log.info({ rows, failed: failed.length }, 'flushed');
        // The next tick tries again. After a 503 the PingSource would do so five times within seconds.
        if (failed.length > 0)
          throw new HttpError(
            409,
            `Not written: ${failed.map(({ spreadsheetId, tab }) => [spreadsheetId, tab ?? []].flat().join('/')).join(', ')}.`,
          );
      },
      close: redis.close,
    };
  },
});
