import * as v from 'valibot';
import { keys, luaKeys, placeIn } from './keys.ts';
import { leaveWhenDone } from './lua.ts';
import type { DurableRedis } from '../stores/redis.ts';

/** Forgets a submission and what other tasks found out about it (ids `<its id>/<task>`). */
export interface Erasure {
  /**
   * Removes a submission's rows and never accepts them again. A row in flight is written as an empty one, because a batch never changes.
   * Notes that the spreadsheet's rows are still to be taken out. @throws Unavailable
   */
  erase(spreadsheetId: string, id: string): Promise<void>;
  /** Ids of the submissions whose rows are still to be taken out of the spreadsheet. */
  erasures(spreadsheetId: string): Promise<string[]>;
  /** Notes that the spreadsheet holds no row of these any more. */
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
        await redis.run(scanScript, [key + spreadsheetId, cursor, pattern]),
      );
      cursor = next;
      yield members.filter((member) => belongsTo(placeIn(member).id, id));
    } while (cursor !== '0');
  }

  return {
    async erase(spreadsheetId, id) {
      // From here on no row of it comes in, so all of them can be found.
      await redis.write(beginScript, [spreadsheetId, id]);
      for (const key of [keys.rows, keys.refused])
        for await (const members of find(key, spreadsheetId, id))
          if (members.length > 0) await redis.write(removeScript, [spreadsheetId, ...members]);
    },
    async erasures(spreadsheetId) {
      return v.parse(v.array(v.string()), await redis.run(listScript, [spreadsheetId]));
    },
    async erased(spreadsheetId, ids) {
      await redis.write(doneScript, [spreadsheetId, ...ids]);
    },
  };
}

/** Whether a row is a submission's: its own, or one of what a task found out about it. */
export function belongsTo(rowId: string, id: string): boolean {
  return rowId === id || rowId.startsWith(`${id}/`);
}

const Found = v.tuple([v.string(), v.array(v.string())]);

/** ARGV: spreadsheet, id. */
const beginScript = `
redis.call('HSET', '${keys.forgotten}', ARGV[2], redis.call('TIME')[1])
redis.call('SADD', '${keys.erase}' .. ARGV[1], ARGV[2])
redis.call('SADD', '${keys.sheets}', ARGV[1])
return 1
`;

/** ARGV: key of a hash, cursor, pattern. Returns the next cursor and members that match. */
const scanScript = `
local found = redis.call('HSCAN', ARGV[1], ARGV[2], 'MATCH', ARGV[3], 'COUNT', 5000)
local members = {}
for i = 1, #found[2], 2 do members[#members + 1] = found[2][i] end
return { found[1], members }
`;

/** ARGV: spreadsheet, members. A member in flight stays in its batch, empty. */
const removeScript = `
${luaKeys}
local sheet = ARGV[1]
for i = 2, #ARGV do
  redis.call('HDEL', '${keys.refused}' .. sheet, ARGV[i])
  if redis.call('ZSCORE', '${keys.inFlight}' .. sheet, ARGV[i]) then
    redis.call('HSET', '${keys.rows}' .. sheet, ARGV[i], '{}')
  else
    redis.call('ZREM', '${keys.pending}' .. sheet, ARGV[i])
    redis.call('ZREM', asideOf(sheet, tabOf(ARGV[i])), ARGV[i])
    redis.call('HDEL', '${keys.rows}' .. sheet, ARGV[i])
  end
end
return 1
`;

/** ARGV: spreadsheet. */
const listScript = `return redis.call('SMEMBERS', '${keys.erase}' .. ARGV[1])`;

/** ARGV: spreadsheet, ids. */
const doneScript = `
${leaveWhenDone}
local sheet = ARGV[1]
for i = 2, #ARGV do redis.call('SREM', '${keys.erase}' .. sheet, ARGV[i]) end
leaveWhenDone(sheet)
return 1
`;
