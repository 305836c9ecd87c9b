import { setTimeout as pause } from 'node:timers/promises';
import { SheetsError } from '../../../functions/lib/sheets/sheets-error.ts';
import type { ReadSheets } from '../../../functions/lib/sheets/standing.ts';

/**
 * Repeats calls that Google refuses for lack of quota: 60 reads a minute, which the flush shares.
 * https://developers.google.com/workspace/sheets/api/limits
 */
export function waitForQuota(
  sheets: ReadSheets,
  { say, pauseMs = 15_000, tries = 12 }: { say: (line: string) => void; pauseMs?: number; tries?: number },
): ReadSheets {
  async function patiently<T>(call: () => Promise<T>): Promise<T> {
    for (let n = 1; ; n += 1) {
      try {
        return await call();
      } catch (error) {
        if (!(error instanceof SheetsError && error.status === 429) || n === tries) throw error;
        say(`Google's quota for reading is used up; next try in ${pauseMs / 1_000} s`);
        await pause(pauseMs);
      }
    }
  }
  return {
    layout: (spreadsheetId) => patiently(() => sheets.layout(spreadsheetId)),
    successor: (spreadsheetId) => patiently(() => sheets.successor(spreadsheetId)),
    page: (...place) => patiently(() => sheets.page(...place)),
  };
}
