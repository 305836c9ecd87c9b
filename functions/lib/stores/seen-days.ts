import { integer } from '../runtime/env.ts';

/** How far back an audit's repair looks for the days on which ids were seen. */
export const mostSeenDays = 400;

/** How long Redis remembers ids: of rows, of mails, and of events that will be retried. */
export const seenDaysEnv = {
  SEEN_DAYS: integer(
    'how many days ids are remembered; more than the retention of events and dead letters together',
    { min: 1, max: mostSeenDays, fallback: 60 },
  ),
};
