import { setTimeout as pause } from 'node:timers/promises';
import type { ReadSheets } from '../../lib/sheets/standing.ts';

/** The audit takes longer than a request may. */
export class OutOfTime extends Error {
  override name = 'OutOfTime';
}

export interface PaceOptions {
  /** Calls a minute; half of them may come at once. Google allows 60, and the flush needs some. */
  perMinute: number;
  /** Whether no call may begin any more. */
  isLate: () => boolean;
  sleep?: (ms: number) => Promise<void>;
}

/** Reads sheets at a limited pace. Its calls throw OutOfTime when it is late, and whatever the calls of `sheets` throw. */
export function paced(sheets: ReadSheets, { perMinute, isLate, sleep = pause }: PaceOptions): ReadSheets {
  let left = Math.ceil(perMinute / 2);
  async function turn() {
    if (left === 0) {
      await sleep(60_000 / perMinute);
      left += 1;
    }
    left -= 1;
    if (isLate()) throw new OutOfTime('the audit takes longer than a request may');
  }
  return {
    async layout(spreadsheetId) {
      await turn();
      return sheets.layout(spreadsheetId);
    },
    async successor(spreadsheetId) {
      await turn();
      return sheets.successor(spreadsheetId);
    },
    async page(...place) {
      await turn();
      return sheets.page(...place);
    },
  };
}
