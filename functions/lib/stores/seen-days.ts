import { integer } from '../runtime/env.ts';

/** As far back as an audit's repair looks for the days on which ids were seen. */
export const mostSeenDays = 400;

/** How long Redis remembers what it has seen: rows, mails and events that are tried again. */
export const seenDaysEnv = {
  SEEN_DAYS: integer(
    'for how many days ids are remembered; more than events and dead letters are kept together',
    { min: 1, max: mostSeenDays, fallback: 60 },
  ),
};
