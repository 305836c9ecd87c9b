import { hash, randomInt } from 'node:crypto';
import * as v from 'valibot';
import * as scripts from './buffer-scripts.ts';
import { openErasure, type Erasure } from './erasure.ts';
import { groupCommit } from '../runtime/group-commit.ts';
import type { Log } from '../runtime/log.ts';
import { mapOfHash, openParkedTabs, Parked, type ParkedTabs } from './parked-tabs.ts';
import type { DurableRedis } from '../stores/redis.ts';

/** A row on its way to a sheet: what stands in each column, by the column's key, in order. */
interface BufferedRow {
  spreadsheetId: string;
  tab: string;
  id: string;
  /** Milliseconds since 1970: the submission's own time, which gives its place. */
  time: number;
  cells: Cells;
  /** Whose fields they are; left out where the tab is for the rows of all forms. */
  form?: string;
}

const Cells = v.record(v.string(), v.union([v.string(), v.number(), v.boolean()]));
export type Cells = v.InferOutput<typeof Cells>;

/** Rows that go to Google together. Which ones and in which order is settled for good when the batch is made. */
export interface FrozenBatch {
  /** Whose rows they are. */
  spreadsheetId: string;
  /** Where they are written: the spreadsheet itself or, once that is full, one of the pool. */
  target: string;
  /** Counts up by one for each batch of a spreadsheet. */
  sequence: number;
  /** 16 hexadecimal characters over the rows' tabs and ids in order. */
  digest: string;
  rows: { tab: string; id: string; cells: Cells }[];
  /** When its number was given, in milliseconds since 1970. */
  numberedAt: number;
  /** Six characters that tell whose Redis gave it: another installation may write to the same spreadsheet, and give the same numbers. */
  installation: string;
  /**
   * Some rows were submitted before the spreadsheet was found to have rows that this Redis knows nothing of, or the number was given
   * more than an hour ago and its token may be gone: they may stand there already.
   */
  isOld: boolean;
}

export interface WaitingSheet {
  spreadsheetId: string;
  /** Times of the oldest and the newest row that waits, in milliseconds since 1970; undefined when only a frozen batch is left. */
  oldest: number | undefined;
  newest: number | undefined;
  parked: Parked | undefined;
  /** Where its rows are written. */
  target: string;
  /** Its tabs that can't be written; the rows of each are put aside until it is tried again. */
  parkedTabs: Map<string, Parked>;
}

export interface Buffer extends Erasure, ParkedTabs {
  /** Resolves when the row is as safe as configured: true when it is new, false when its id was seen before or is forgotten. @throws Unavailable */
  push(row: BufferedRow): Promise<boolean>;
  /** Spreadsheets with rows to send, the one with the oldest row first. */
  waiting(): Promise<WaitingSheet[]>;
  /** The batch in flight, or a new one of rows up to `before` (milliseconds since 1970); undefined when there is none. */
  freeze(spreadsheetId: string, options: { before: number }): Promise<FrozenBatch | undefined>;
  /** Removes the batch in flight once its rows are in the sheet, and returns whether it is time to collect tokens. Any other batch is left alone. */
  acknowledge(batch: FrozenBatch): Promise<{ wasInFlight: boolean; collect: boolean }>;
  /** Those of the tabs to which rows of acknowledged batches were written in the spreadsheet `target`. */
  written(target: string, tabs: string[]): Promise<string[]>;
  /** The forms whose rows came to each of the tabs. */
  formsOf(spreadsheetId: string, tabs: string[]): Promise<string[][]>;
  /** Gives the batch a new number; rows but for the first `keep` of the tab, or of all, wait again. Does nothing when it is not in flight any more. */
  reissue(batch: FrozenBatch, options: { keep: number; tab?: string }): Promise<void>;
  /** Takes note that the only row of a batch was refused, its number being out of use. */
  refuse(batch: FrozenBatch, options: { mark: Cells; reason: string }): Promise<Refusal>;
  /** Forgets rows that are known to stand in the sheet; gives how many were still to be sent. */
  forget(spreadsheetId: string, landed: { tab: string; id: string }[]): Promise<number>;
  /** Takes the next spreadsheet for the rows that were written to a full one, the same each time; undefined when all are taken. */
  claimSpare(full: string, spares: string[]): Promise<string | undefined>;
  /**
   * From now on the rows are written to `target`. With the number of the batch in flight that one goes along with a new number;
   * without it, it is done only when none is in flight. Gives whether it was done.
   */
  redirect(spreadsheetId: string, target: string, inFlight?: { sequence?: number }): Promise<boolean>;
  /**
   * Goes on with numbers after `highest`, the batch in flight with the number `sequence` included, and in the spreadsheet `target`. Does nothing
   * when another one is in flight, or one at all and no number is given.
   */
  renumber(spreadsheetId: string, highest: number, target: string, sequence?: number): Promise<void>;
  /** Whether batches of this spreadsheet were numbered before. */
  isKnown(spreadsheetId: string): Promise<boolean>;
  /** Ended by the next batch that is acknowledged. */
  park(spreadsheetId: string, parked: Parked): Promise<void>;
  /** Runs `work` unless somebody else holds the spreadsheet's lease. It saves quota; correctness does not rest on it. */
  withLease(spreadsheetId: string, work: () => Promise<void>): Promise<void>;
}

/**
 * `again`: it is to be sent once more. `kept`: the second time it is kept with the reason, and a mark goes in its place. `restored`: not even
 * the mark was taken, so it is not the row that is at fault, and it is itself again.
 */
type Refusal = v.InferOutput<typeof Refusal>;
const Refusal = v.picklist(['again', 'kept', 'restored']);

export interface BufferOptions {
  redis: DurableRedis;
  log?: Log;
  /** How long ids are remembered, in days. */
  seenDays?: number;
  /** Rows and bytes of a batch, at most. */
  maxRows?: number;
  maxBytes?: number;
}

/** A flush that was killed holds a spreadsheet up for no longer than this, in milliseconds. */
const leaseMs = 60_000;

/**
 * The buffer in Redis between the tasks and the sheets. Each step is one Lua script and so happens whole or not at all.
 * A tab and an id make a member `<tab>\n<id>`; neither holds a line feed (CloudEvents 1.0, 3.1: no control characters).
 */
export function openBuffer({
  redis,
  log,
  seenDays = 30,
  maxRows = 5_000,
  maxBytes = 1_500_000,
}: BufferOptions): Buffer {
  const pushAll = async (rows: BufferedRow[]) => {
    const args = rows.flatMap(({ spreadsheetId, tab, id, time, cells, form = '' }) => [
      spreadsheetId,
      tab,
      id,
      time,
      JSON.stringify(cells),
      form,
    ]);
    return v.parse(v.array(v.number()), await redis.write(scripts.pushScript, [seenDays, ...args]));
  };
  const pushTogether = groupCommit(pushAll, { max: 500 });
  /** Holders of leases that Redis was not there to take back: they go on with them, or everybody would wait until they run out. */
  const kept = new Map<string, string>();

  const take = async (args: (string | number)[]) => {
    for (;;) {
      const [sequence, members, texts, target, isOld, seconds, installation, dropped, aside] = v.parse(
        Frozen,
        await redis.write(scripts.freezeScript, [...args, maxRows, maxBytes, newInstallation()]),
      );
      if (dropped.length > 0)
        log?.error(
          { spreadsheetId: args[0], ids: dropped.map((member) => placeIn(member).id) },
          'without a row; dropped',
        );
      if (sequence > 0) return { sequence, members, texts, target, isOld, seconds, installation };
      // What was in the way is gone now.
      if (dropped.length + aside === 0) return undefined;
    }
  };

  return {
    ...openErasure(redis),
    ...openParkedTabs(redis),
    async push(row) {
      return (await pushTogether(row)) === 1;
    },
    async waiting() {
      const found = v.parse(Waiting, await redis.run(scripts.sheetsScript, []));
      const sheets = found.map(([spreadsheetId, oldest, newest, parked, target, tabs]) => ({
        spreadsheetId,
        oldest,
        newest,
        parked,
        target,
        parkedTabs: tabs,
      }));
      return sheets.toSorted((a, b) => (a.oldest ?? 0) - (b.oldest ?? 0));
    },
    async freeze(spreadsheetId, { before }) {
      const found = await take([spreadsheetId, before]);
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
      const sha1 = hash('sha1', joined(rows.map(({ tab, id }) => `${tab}\n${id}`)));
      const done = await redis.write(scripts.ackScript, [spreadsheetId, sequence, sha1, target, ...tabs]);
      return { wasInFlight: done !== 0, collect: done === 2 };
    },
    async written(target, tabs) {
      return v.parse(v.array(v.string()), await redis.run(scripts.writtenScript, [target, ...tabs]));
    },
    async formsOf(spreadsheetId, tabs) {
      return v.parse(v.array(Texts), await redis.run(scripts.formsScript, [spreadsheetId, ...tabs]));
    },
    async reissue({ spreadsheetId, sequence }, { keep, tab = '' }) {
      await redis.write(scripts.reissueScript, [spreadsheetId, sequence, keep, tab]);
    },
    async refuse({ spreadsheetId, sequence }, { mark, reason }) {
      const args = [spreadsheetId, sequence, JSON.stringify(mark), reason];
      return v.parse(Refusal, await redis.write(scripts.refuseScript, args));
    },
    async forget(spreadsheetId, landed) {
      let count = 0;
      for (let i = 0; i < landed.length; i += 1_000) {
        const members = landed.slice(i, i + 1_000).map(({ tab, id }) => `${tab}\n${id}`);
        count += v.parse(v.number(), await redis.write(scripts.forgetScript, [spreadsheetId, ...members]));
      }
      return count;
    },
    async claimSpare(full, spares) {
      const found = await redis.write(scripts.claimScript, [full, ...spares]);
      return v.parse(v.nullable(v.string()), found) ?? undefined;
    },
    async redirect(spreadsheetId, target, { sequence = '' }: { sequence?: number | '' } = {}) {
      return (await redis.write(scripts.redirectScript, [spreadsheetId, target, sequence])) === 1;
    },
    async renumber(spreadsheetId, highest, target, sequence) {
      await redis.write(scripts.renumberScript, [spreadsheetId, highest, target, sequence ?? '']);
    },
    async isKnown(spreadsheetId) {
      return (await redis.run(scripts.knownScript, [spreadsheetId])) === 1;
    },
    async park(spreadsheetId, parked) {
      await redis.write(scripts.parkScript, [spreadsheetId, JSON.stringify(parked)]);
    },
    async withLease(spreadsheetId, work) {
      const holder = kept.get(spreadsheetId) ?? crypto.randomUUID();
      kept.delete(spreadsheetId);
      try {
        if ((await redis.run(scripts.leaseScript, [spreadsheetId, holder, leaseMs])) === 1) await work();
      } finally {
        await redis.run(scripts.releaseScript, [spreadsheetId, holder]).catch((error: unknown) => {
          kept.set(spreadsheetId, holder);
          throw error;
        });
      }
    },
  };
}

function placeIn(member: string): { tab: string; id: string } {
  const end = member.indexOf('\n');
  return { tab: member.slice(0, end), id: member.slice(end + 1) };
}

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
const Score = v.pipe(
  v.string(),
  v.transform((text) => (text === '' ? undefined : Number(text))),
);
const StoredParked = v.union([
  v.pipe(
    v.literal(''),
    v.transform(() => undefined),
  ),
  v.pipe(v.string(), v.parseJson(), Parked),
]);
const StoredTabs = v.pipe(
  v.array(v.string()),
  v.transform(mapOfHash),
  v.map(v.string(), v.pipe(v.string(), v.parseJson(), Parked)),
);
const Waiting = v.array(v.tuple([v.string(), Score, Score, StoredParked, v.string(), StoredTabs]));
const Texts = v.array(v.string());
const Frozen = v.tuple([
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
