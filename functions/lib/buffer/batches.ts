import { hash, randomInt } from 'node:crypto';
import * as v from 'valibot';
import type { Log } from '../runtime/log.ts';
import type { DurableRedis } from '../stores/redis.ts';
import * as scripts from './batches-scripts.ts';
import { memberOf, placeIn, type Place } from './keys.ts';
import { Cells, type Batch } from './types.ts';

/** The way of rows out of the buffer. */
export interface Batches {
  /** The batch in flight, or a new one of rows up to `before` (milliseconds since 1970); undefined when there is none. */
  nextBatch(spreadsheetId: string, options: { before: number }): Promise<Batch | undefined>;
  /** Removes the batch in flight once its rows are in the sheet, and returns whether it is time to delete old tokens. Any other batch is left alone. */
  acknowledge(batch: Batch): Promise<{ wasInFlight: boolean; deleteTokens: boolean }>;
  /** Renumbers the batch; rows but for the first `keep` of the tab, or of all, wait again. Does nothing when it is not in flight any more. */
  reissue(batch: Batch, options: { keep: number; tab?: string }): Promise<void>;
  /** Notes that the only row of a batch was refused. The batch's number must be out of use. */
  refuse(batch: Batch, options: { mark: Cells; reason: string }): Promise<Refusal>;
  /** Drops rows that are known to be in the sheet, and returns how many were still in the buffer. */
  dropWritten(spreadsheetId: string, written: Place[]): Promise<number>;
}

/**
 * `again`: send it once more. `kept`: the second time it is kept with the reason, and a mark is sent instead. `restored`: not
 * even the mark was taken, so the row is not at fault and replaces its mark again.
 */
type Refusal = v.InferOutput<typeof Refusal>;
const Refusal = v.picklist(['again', 'kept', 'restored']);

export interface BatchesOptions {
  redis: Pick<DurableRedis, 'write'>;
  log?: Log;
  /** Rows and bytes of a batch, at most. */
  maxRows?: number;
  maxBytes?: number;
}

export function openBatches({ redis, log, maxRows = 5_000, maxBytes = 1_500_000 }: BatchesOptions): Batches {
  const take = async (spreadsheetId: string, before: number) => {
    for (;;) {
      const args = [spreadsheetId, before, maxRows, maxBytes, newInstallation()];
      const answer = await redis.write(scripts.nextBatchScript, args);
      const [sequence, members, texts, target, isOld, seconds, installation, rowless, aside] = v.parse(
        Taken,
        answer,
      );
      if (rowless.length > 0)
        log?.error(
          { spreadsheetId, ids: rowless.map((member) => placeIn(member).id) },
          'ids without a row removed from the buffer',
        );
      if (sequence > 0) return { sequence, members, texts, target, isOld, seconds, installation };
      // What was in the way is gone now.
      if (rowless.length + aside === 0) return undefined;
    }
  };

  return {
    async nextBatch(spreadsheetId, { before }) {
      const found = await take(spreadsheetId, before);
      if (!found) return undefined;
      const { sequence, members, texts, target, isOld, seconds, installation } = found;
      const rows = members.map((member, index) => ({
        ...placeIn(member),
        cells: v.parse(StoredCells, texts[index]),
      }));
      return {
        spreadsheetId,
        target,
        sequence,
        digest: hash('sha256', joined(members)).slice(0, 16),
        rows,
        numberedAt: seconds * 1_000,
        installation,
        isOld: isOld === 1,
      };
    },
    async acknowledge({ spreadsheetId, sequence, target, rows }) {
      const tabs = new Set(rows.map(({ tab }) => tab));
      const sha1 = hash('sha1', joined(rows.map(memberOf)));
      const args = [spreadsheetId, sequence, sha1, target, ...tabs];
      const done = await redis.write(scripts.acknowledgeScript, args);
      return { wasInFlight: done !== 0, deleteTokens: done === 2 };
    },
    async reissue({ spreadsheetId, sequence }, { keep, tab = '' }) {
      await redis.write(scripts.reissueScript, [spreadsheetId, sequence, keep, tab]);
    },
    async refuse({ spreadsheetId, sequence }, { mark, reason }) {
      const args = [spreadsheetId, sequence, JSON.stringify(mark), reason];
      return v.parse(Refusal, await redis.write(scripts.refuseScript, args));
    },
    async dropWritten(spreadsheetId, written) {
      let count = 0;
      for (let i = 0; i < written.length; i += membersAtOnce) {
        const members = written.slice(i, i + membersAtOnce).map(memberOf);
        count += v.parse(v.number(), await redis.write(scripts.dropScript, [spreadsheetId, ...members]));
      }
      return count;
    },
  };
}

/** Few enough that Redis is not held up for long. */
const membersAtOnce = 1_000;

/** Six characters; Redis keeps the first that it is given. */
function newInstallation(): string {
  return randomInt(36 ** 6)
    .toString(36)
    .padStart(6, '0');
}

function joined(members: string[]): string {
  return members.join('\0');
}

const StoredCells = v.pipe(v.string(), v.parseJson(), Cells);
const Texts = v.array(v.string());
/** What `nextBatchScript` returns. */
const Taken = v.tuple([
  v.number(),
  Texts,
  Texts,
  v.string(),
  v.number(),
  v.number(),
  v.string(),
  Texts,
  v.number(),
]);
