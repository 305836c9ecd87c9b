import * as v from 'valibot';
import * as scripts from './erasure-scripts.ts';
import type { DurableRedis } from '../stores/redis.ts';

/** What a buffer does so that a submission is forgotten, and with it what other tasks found out about it (ids `<its id>/<task>`). */
export interface Erasure {
  /**
   * Removes a submission's rows and lets none come again, for good. A row that is on its way to the sheet goes as an empty one: which
   * rows a frozen batch has is settled. That rows are to be taken out of the spreadsheet is noted. @throws Unavailable
   */
  erase(spreadsheetId: string, id: string): Promise<void>;
  /** Ids of the submissions whose rows are to be taken out of the spreadsheet. */
  erasures(spreadsheetId: string): Promise<string[]>;
  /** Notes that no row of these stands in the spreadsheet any more. */
  erased(spreadsheetId: string, ids: string[]): Promise<void>;
}

export function openErasure(redis: DurableRedis): Erasure {
  /** Members of a submission among a spreadsheet's rows, some thousand at a time, so that Redis is not held up. */
  async function* find(key: string, spreadsheetId: string, id: string) {
    const pattern = `*\n${id.replaceAll(/[[\]*?\\]/g, String.raw`\$&`)}*`;
    let cursor = '0';
    do {
      const [next, members] = v.parse(
        Found,
        await redis.run(scripts.scanScript, [`${key}:${spreadsheetId}`, cursor, pattern]),
      );
      cursor = next;
      yield members.filter((member) => belongsTo(member.slice(member.indexOf('\n') + 1), id));
    } while (cursor !== '0');
  }

  return {
    async erase(spreadsheetId, id) {
      // From here on none comes in, so all that there are can be found.
      await redis.write(scripts.beginScript, [spreadsheetId, id]);
      for (const key of ['buffer:rows', 'buffer:refused'])
        for await (const members of find(key, spreadsheetId, id))
          if (members.length > 0) await redis.write(scripts.removeScript, [spreadsheetId, ...members]);
    },
    async erasures(spreadsheetId) {
      return v.parse(v.array(v.string()), await redis.run(scripts.listScript, [spreadsheetId]));
    },
    async erased(spreadsheetId, ids) {
      await redis.write(scripts.doneScript, [spreadsheetId, ...ids]);
    },
  };
}

/** Whether a row is a submission's: its own, or one of what a task found out about it. */
export function belongsTo(rowId: string, id: string): boolean {
  return rowId === id || rowId.startsWith(`${id}/`);
}

const Found = v.tuple([v.string(), v.array(v.string())]);
