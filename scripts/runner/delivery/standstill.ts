import { MAX_POLL_RECORDS } from '../../events/limits.ts';
import type { Log } from '../log.ts';

/**
 * Says, once, that events that are being retried hold all places of a Trigger or KafkaSource: what comes behind waits, and nothing else shows
 * it. Says so again when most of the places were free in between.
 * @returns a function to call whenever their number changes
 */
export function openStandstill({
  who,
  log,
  fields,
}: {
  who: string;
  log: Log;
  fields: object;
}): (retried: number) => void {
  let told = false;
  return (retried) => {
    if (retried < MAX_POLL_RECORDS / 2) told = false;
    if (retried < MAX_POLL_RECORDS || told) return;
    told = true;
    log.error(
      { ...fields, retried },
      `${who} stands still: ${retried} events are being retried and hold all its places; what comes after them waits`,
    );
  };
}
