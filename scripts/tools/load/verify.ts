import { setTimeout as sleep } from 'node:timers/promises';
import * as v from 'valibot';
import { openSheets } from '../../../functions/lib/sheets/sheets.ts';
import { call } from '../client/call.ts';
import { connectionsOf } from '../client/running.ts';
import { openAuditedBuffer } from '../audit/buffer.ts';
import { openFormbus } from '../audit/formbus.ts';
import { look, lookUntilSure } from '../audit/look.ts';
import { waitForQuota } from '../audit/quota.ts';
import { reconcile } from '../audit/compare-with-sheet.ts';
import { rowIn, type Found } from '../audit/report.ts';

export interface Verified {
  inSheet: number;
  /** Ids that stand in no sheet. */
  lost: string[];
  /** Ids that stand in a sheet more than once. */
  duplicated: string[];
  /** From the last answer until all of them stood there. */
  seconds: number;
}

export interface Verifier {
  /**
   * Waits until every id stands in its sheet exactly once, flushing meanwhile; stops when nothing new has come for `patienceMs`.
   * @throws Error when Formbus does not answer
   */
  wait(ids: Set<string>): Promise<Verified>;
  close(): void;
}

const lookEveryMs = 2_000;

/**
 * Looks, as the audit does, at a Formbus that runs on this machine. Open it before the load: it skips what the log has by then.
 */
export async function openVerifier({
  url,
  say,
  patienceMs,
}: {
  url: string;
  say: (line: string) => void;
  patienceMs: number;
}): Promise<Verifier> {
  const formbus = openFormbus(url);
  const before = (await formbus.rows()).at(-1)?.seq;
  const { redis, sheets: root } = await connectionsOf(url);
  const buffer = await openAuditedBuffer(redis);
  const sheets = waitForQuota(openSheets({ SHEETS_URL: root ?? undefined }), { say });

  async function lookFor(ids: Set<string>) {
    const log = (await formbus.rows(before)).filter(({ id }) => ids.has(id));
    const places = [...new Set(log.filter(({ tab }) => tab !== '').map((row) => row.spreadsheetId))];
    const judge = (found: Found) => {
      const twice = [...found.inSheet].filter(([, times]) => times > 1).map(([key]) => rowIn(key).id);
      return { ...reconcile(log, found), duplicated: twice.filter((id) => ids.has(id)) };
    };
    const { found, judgement } = await lookUntilSure(() => look(places, { buffer, sheets }), judge);
    const standing = new Set([...found.inSheet.keys()].map((key) => rowIn(key).id));
    return {
      lost: [...ids].filter((id) => !standing.has(id)),
      duplicated: judgement.duplicated,
      isQuiet: judgement.tabs.every((tab) => tab.waiting + tab.buffered + tab['in flight'] === 0),
    };
  }

  return {
    async wait(ids) {
      const begin = performance.now();
      let progress = begin;
      let fewest = Infinity;
      for (;;) {
        // A flush that fails, or takes long, is followed by another one.
        await call(Flushed, url, '/_/schedules/sheets-flush', { method: 'POST' }).catch(() => {});
        const { lost, duplicated, isQuiet } = await lookFor(ids);
        const now = performance.now();
        if (lost.length < fewest) progress = now;
        fewest = lost.length;
        if ((lost.length === 0 && isQuiet) || now - progress > patienceMs)
          return {
            inSheet: ids.size - lost.length,
            lost,
            duplicated,
            seconds: Number(((now - begin) / 1_000).toFixed(1)),
          };
        say(`${ids.size - lost.length} of ${ids.size} stand in their sheets`);
        await sleep(lookEveryMs);
      }
    },
    close: () => buffer.close(),
  };
}

const Flushed = v.object({ status: v.number() });
