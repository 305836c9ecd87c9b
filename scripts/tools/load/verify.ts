import { setTimeout as sleep } from 'node:timers/promises';
import * as v from 'valibot';
import { openSheets } from '../../../functions/lib/sheets/sheets.ts';
import { call } from '../client/call.ts';
import { connectionsOf } from '../client/running.ts';
import { openAuditedBuffer } from '../audit/buffer.ts';
import { openFormbus } from '../audit/formbus.ts';
import { look } from '../audit/look.ts';
import { waitForQuota } from '../audit/quota.ts';
import { reconcile, settle, type Found } from '../audit/reconcile.ts';

export interface Verified {
  inSheet: number;
  /** Ids that stand in no sheet. */
  lost: string[];
  /** Ids that stand in one more than once. */
  doubled: string[];
  /** From the last answer until all of it stood there. */
  seconds: number;
}

export interface Verifier {
  /**
   * Waits until every id stands in its sheet exactly once, flushing meanwhile; gives up when nothing new has come for `patienceMs`.
   * @throws Error when Formbus does not answer
   */
  wait(ids: Set<string>): Promise<Verified>;
  close(): void;
}

const lookEveryMs = 2_000;

/**
 * Looks, as the audit does, at a Formbus that runs on this machine. To be opened before the load: what its log has by then is not
 * read again.
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
    let found = await look(places, { buffer, sheets });
    const doubledIn = ({ inSheet }: Found) =>
      [...inSheet].flatMap(([key, count]) => (count > 1 && ids.has(idOf(key)) ? [idOf(key)] : []));
    let report = reconcile(log, found);
    if (report.missing.length + doubledIn(found).length > 0) {
      found = settle(found, await look(places, { buffer, sheets }));
      report = reconcile(log, found);
    }
    const standing = new Set([...found.inSheet.keys()].map(idOf));
    return {
      lost: [...ids].filter((id) => !standing.has(id)),
      doubled: doubledIn(found),
      isQuiet: report.tabs.every(({ waiting, buffered, frozen }) => waiting + buffered + frozen === 0),
    };
  }

  return {
    async wait(ids) {
      const begin = performance.now();
      let progress = begin;
      let fewest = Infinity;
      for (;;) {
        // A flush that fails, or takes its time, is followed by another one.
        await call(Flushed, url, '/_/schedules/sheets-flush', { method: 'POST' }).catch(() => {});
        const { lost, doubled, isQuiet } = await lookFor(ids);
        const now = performance.now();
        if (lost.length < fewest) progress = now;
        fewest = lost.length;
        if ((lost.length === 0 && isQuiet) || now - progress > patienceMs)
          return {
            inSheet: ids.size - lost.length,
            lost,
            doubled,
            seconds: Number(((now - begin) / 1_000).toFixed(1)),
          };
        say(`${ids.size - lost.length} of ${ids.size} stand in their sheets`);
        await sleep(lookEveryMs);
      }
    },
    close: () => buffer.close(),
  };
}

/** The id in a key of what was found. */
const idOf = (key: string) => key.split('\n')[2] ?? '';

const Flushed = v.object({ status: v.number() });
