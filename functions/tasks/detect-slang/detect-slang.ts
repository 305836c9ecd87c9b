import { replyTo, Submission, task } from 'formbus';
import { counter } from '../../lib/metrics/metrics.ts';
import { analysisOf } from './analysis.ts';
import { slangList, wordsFromEnv } from './list.ts';
import { slangFinder } from './slang.ts';

/** Looks for slang and profanity in a submission's texts. It flags and never blocks: moderators see what is flagged. */
export const detectSlang = task(
  'detect-slang',
  Submission,
  {
    env: {
      SLANG_WORDS: wordsFromEnv(
        'more words to look for, with commas between them; with * at an end where a word may go on (default: none)',
      ),
      SLANG_ALLOWED: wordsFromEnv(
        'words and phrases that are never flagged, with commas between them (default: none)',
      ),
    },
    start({ SLANG_WORDS, SLANG_ALLOWED }, log) {
      const list = slangList({ own: SLANG_WORDS, ownAllowed: SLANG_ALLOWED });
      const find = slangFinder(list);
      return {
        async handle({ event }) {
          const data = analysisOf(event, { find, list: list.version });
          const flagged = data.findings > 0;
          if (flagged) counter('formbus_flagged_total', event.form).add();
          log.info({ id: event.id, form: event.form, flagged, findings: data.findings }, 'analyzed');
          return replyTo(event, {
            task: 'detect-slang',
            type: 'form.analyzed',
            data,
            extensions: { flagged },
          });
        },
      };
    },
  },
  { replies: ['form.analyzed'] },
);
