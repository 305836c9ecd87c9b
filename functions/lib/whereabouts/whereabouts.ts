import type { Held } from '../buffer/held.ts';

/** All that is known of a submission's row. */
export interface Traces {
  /** How often its id is in the sheet, see `timesSeen`. */
  times: number;
  /** Whether the buffer holds it. */
  held: Held | undefined;
  /** What the log says of its event, when it was not delivered to the buffer. */
  event?: 'waiting' | 'dead letters' | undefined;
  /** Whether its sheet could be read. */
  isReadable: boolean;
}

/**
 * Where a row is, the most certain first: a row that has reached the sheet and is still in the buffer is in the sheet, and a row that Google
 * refused stays refused although a mark with its id is in the sheet.
 */
export type Whereabouts = Held | 'in sheet' | 'waiting' | 'dead letters' | 'not checked' | 'lost';

export function whereIs({ times, held, event, isReadable }: Traces): Whereabouts {
  if (held === 'forgotten' || held === 'refused') return held;
  if (times > 0) return 'in sheet';
  return held ?? event ?? (isReadable ? 'lost' : 'not checked');
}

/**
 * Combines several looks at the same id: it is there when any look found it, and duplicated when every look found it so often. So a person who
 * sorts a long tab while it is read page by page makes nothing lost or duplicated.
 */
export function timesSeen(looks: number[]): number {
  return Math.max(...looks) > 0 ? Math.max(1, Math.min(...looks)) : 0;
}
