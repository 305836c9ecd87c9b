import * as v from 'valibot';
import type { FrozenBatch } from './buffer.ts';
import * as scripts from './parked-tabs-scripts.ts';
import type { DurableRedis } from '../stores/redis.ts';

export const Parked = v.object({
  reason: v.string(),
  since: v.number(),
  tries: v.number(),
  retryAt: v.number(),
});
/** Why a spreadsheet or a tab is left alone, since when, after how many tries, and until when; times in milliseconds since 1970. */
export type Parked = v.InferOutput<typeof Parked>;

/** What a buffer does so that a tab that can't be written holds up no other one. */
export interface ParkedTabs {
  /** Ends a batch, whose number is out of use, and puts its rows of the tab aside, and those that wait when they are in the way. Ended by the next batch for the tab that is acknowledged. */
  parkTab(batch: FrozenBatch, tab: string, parked: Parked): Promise<void>;
  /** The tab could still not be written. */
  parkTabAgain(spreadsheetId: string, tab: string, parked: Parked): Promise<void>;
  /** The rows of the tab wait with the others again. */
  unparkTab(spreadsheetId: string, tab: string): Promise<void>;
}

/** A hash as a script returns it, fields and values in turn. */
export function mapOfHash(list: string[]): Map<string, string | undefined> {
  return new Map(list.flatMap((field, i) => (i % 2 === 0 ? [[field, list[i + 1]] as const] : [])));
}

export function openParkedTabs(redis: DurableRedis): ParkedTabs {
  return {
    async parkTab({ spreadsheetId, sequence }, tab, parked) {
      await redis.write(scripts.parkTabScript, [spreadsheetId, sequence, tab, JSON.stringify(parked)]);
    },
    async parkTabAgain(spreadsheetId, tab, parked) {
      await redis.write(scripts.retryTabScript, [spreadsheetId, tab, JSON.stringify(parked)]);
    },
    async unparkTab(spreadsheetId, tab) {
      await redis.write(scripts.retryTabScript, [spreadsheetId, tab, '']);
    },
  };
}
