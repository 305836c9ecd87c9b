import * as v from 'valibot';
import type { DurableRedis } from '../stores/redis.ts';
import * as scripts from './spreadsheets-scripts.ts';
import { mapOfHash, Parked } from './types.ts';

export interface WaitingSpreadsheet {
  spreadsheetId: string;
  /** Times of the oldest and the newest row that waits, in milliseconds since 1970; undefined when only a batch in flight is left. */
  oldest: number | undefined;
  newest: number | undefined;
  parked: Parked | undefined;
  /** Where its rows are written. */
  target: string;
  /** Its tabs that cannot be written; the rows of each are put aside until it is tried again. */
  parkedTabs: Map<string, Parked>;
}

/** What the buffer knows of each spreadsheet. */
export interface Spreadsheets {
  /** Spreadsheets with rows to send, the one with the oldest row first. */
  waiting(): Promise<WaitingSpreadsheet[]>;
  /** Whether batches of this spreadsheet were numbered before. */
  isKnown(spreadsheetId: string): Promise<boolean>;
  /** Which of the tabs have rows of acknowledged batches in the spreadsheet `target`. */
  tabsWritten(target: string, tabs: string[]): Promise<string[]>;
  /** The forms whose rows came to each of the tabs. */
  formsOf(spreadsheetId: string, tabs: string[]): Promise<string[][]>;
  /** Takes the next spreadsheet for the rows that were written to a full one, the same each time; undefined when all are taken. */
  claimSpare(full: string, spares: string[]): Promise<string | undefined>;
  /**
   * From now on the rows are written to `target`. With the number of the batch in flight, that batch moves along under a new number;
   * without it, nothing is done while a batch is in flight. Returns whether it was done.
   */
  redirect(spreadsheetId: string, target: string, inFlight?: { sequence?: number }): Promise<boolean>;
  /**
   * Continues with numbers after `highest`, the batch in flight with the number `sequence` included, and in the spreadsheet `target`. Does
   * nothing when another batch is in flight, or any at all and no number is given.
   */
  renumber(spreadsheetId: string, highest: number, target: string, sequence?: number): Promise<void>;
  /** Ended by the next batch that is acknowledged. */
  park(spreadsheetId: string, parked: Parked): Promise<void>;
}

export function openSpreadsheets(redis: Pick<DurableRedis, 'run' | 'write'>): Spreadsheets {
  return {
    async waiting() {
      const found = v.parse(Waiting, await redis.run(scripts.waitingScript, []));
      const sheets = found.map(([spreadsheetId, oldest, newest, parked, target, parkedTabs]) => ({
        spreadsheetId,
        oldest,
        newest,
        parked,
        target,
        parkedTabs,
      }));
      return sheets.toSorted((a, b) => (a.oldest ?? 0) - (b.oldest ?? 0));
    },
    async isKnown(spreadsheetId) {
      return (await redis.run(scripts.knownScript, [spreadsheetId])) === 1;
    },
    async tabsWritten(target, tabs) {
      return v.parse(Texts, await redis.run(scripts.writtenScript, [target, ...tabs]));
    },
    async formsOf(spreadsheetId, tabs) {
      return v.parse(v.array(Texts), await redis.run(scripts.formsScript, [spreadsheetId, ...tabs]));
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
    async park(spreadsheetId, parked) {
      await redis.write(scripts.parkScript, [spreadsheetId, JSON.stringify(parked)]);
    },
  };
}

const Texts = v.array(v.string());
const Score = v.pipe(
  v.string(),
  v.transform((text) => (text === '' ? undefined : Number(text))),
);
const StoredParked = v.pipe(v.string(), v.parseJson(), Parked);
const MaybeParked = v.union([
  v.pipe(
    v.literal(''),
    v.transform(() => undefined),
  ),
  StoredParked,
]);
const StoredTabs = v.pipe(Texts, v.transform(mapOfHash), v.map(v.string(), StoredParked));
/** What `waitingScript` returns. */
const Waiting = v.array(v.tuple([v.string(), Score, Score, MaybeParked, v.string(), StoredTabs]));
