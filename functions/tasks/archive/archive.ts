import { isForgotten, SubmissionOrForgotten, task } from 'formbus';
import { counter } from '../../lib/metrics/metrics.ts';
import { openDatabase, postgresEnv } from '../../lib/stores/postgres.ts';
import { buildIndex, indexedVersion } from './index-build.ts';
import { openArchive } from './store.ts';

/** Keeps every submission permanently, suspected ones included, in a database with PostgreSQL's protocol, and erases forgotten ones. */
export const archive = task('archive', SubmissionOrForgotten, {
  env: postgresEnv,
  start(env, log) {
    const database = openDatabase(env, log);
    const { keep, forget } = openArchive(database, (version) => {
      // It takes minutes for millions of rows, and submissions do not need it.
      if (version < indexedVersion) void buildIndex(database, log);
    });
    return {
      async handle({ event }) {
        if (isForgotten(event)) {
          await forget(event);
          log.info({ id: event.data.id, form: event.form }, 'forgotten');
          return;
        }
        const isNew = await keep(event);
        if (isNew) counter('formbus_archived_total', event.form).add();
        else counter('formbus_duplicates_total').add();
        log.info({ id: event.id, form: event.form }, isNew ? 'archived' : 'archived already');
      },
      close: database.close,
    };
  },
});
