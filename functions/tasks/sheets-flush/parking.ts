import type { Parked } from '../../lib/buffer/types.ts';
import { SheetsError } from '../../lib/sheets/sheets-error.ts';

/**
 * Whether Google refuses the spreadsheet permanently: an answer came (not undefined), and it is not a fault at Google's (5xx), a
 * failed login (401) or a lack of quota (429).
 */
export function isPermanent(error: unknown): boolean {
  return (
    error instanceof SheetsError &&
    error.status !== undefined &&
    error.status < 500 &&
    ![401, 429].includes(error.status)
  );
}

/** One minute at first, then twice as long each time, up to a quarter of an hour, so that a repair is noticed soon. */
export function parkedAgain(parked: Parked | undefined, reason: string, now: number): Parked {
  const tries = (parked?.tries ?? 0) + 1;
  return {
    reason,
    since: parked?.since ?? now,
    tries,
    retryAt: now + Math.min(60_000 * 2 ** (tries - 1), 900_000),
  };
}
