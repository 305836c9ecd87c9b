import { expect, it } from 'vitest';
import { SheetsError } from '../../../functions/lib/sheets/sheets-error.ts';
import type { ReadSheets } from '../../../functions/lib/sheets/standing.ts';
import { waitForQuota } from './quota.ts';

/** Refuses with these statuses, one after the other, and then answers. */
function refusing(...statuses: number[]): ReadSheets & { calls: number } {
  const sheets = {
    calls: 0,
    async layout() {
      sheets.calls += 1;
      const status = statuses.shift();
      if (status !== undefined) throw new SheetsError(`refused with ${status}`, status, {});
      return [];
    },
    page: () => Promise.resolve([]),
    successor: () => Promise.resolve(undefined),
  };
  return sheets;
}

it('waits for new quota and says so', async () => {
  const said: string[] = [];
  const say = (line: string) => void said.push(line);
  const sheets = refusing(429, 429);
  expect(await waitForQuota(sheets, { say, pauseMs: 1 }).layout('s')).toEqual([]);
  expect([sheets.calls, said.length]).toEqual([3, 2]);
});

it('passes on errors that waiting cannot help, and gives up eventually', async () => {
  const options = { say: () => {}, pauseMs: 1, tries: 2 };
  await expect(waitForQuota(refusing(403), options).layout('s')).rejects.toThrow('refused with 403');
  const sheets = refusing(429, 429, 429);
  await expect(waitForQuota(sheets, options).layout('s')).rejects.toThrow('refused with 429');
  expect(sheets.calls).toBe(2);
});
