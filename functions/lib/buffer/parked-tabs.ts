import type { DurableRedis } from '../stores/redis.ts';
import { keys, luaKeys } from './keys.ts';
import { evenWhenFull, leaveWhenDone, takeFromAside } from './lua.ts';
import type { Batch, Parked } from './types.ts';

/** Keeps a tab that cannot be written from blocking the other tabs of its spreadsheet. */
export interface ParkedTabs {
  /**
   * Ends a batch, whose number is out of use, and puts its rows of the tab aside, and those that wait when they come up. The tab is
   * parked until a batch for it is acknowledged.
   */
  parkTab(batch: Batch, tab: string, parked: Parked): Promise<void>;
  /** The tab could still not be written. */
  parkTabAgain(spreadsheetId: string, tab: string, parked: Parked): Promise<void>;
  /** The rows of the tab wait with the others again. */
  unparkTab(spreadsheetId: string, tab: string): Promise<void>;
}

export function openParkedTabs(redis: Pick<DurableRedis, 'write'>): ParkedTabs {
  return {
    async parkTab({ spreadsheetId, sequence }, tab, parked) {
      await redis.write(parkTabScript, [spreadsheetId, sequence, tab, JSON.stringify(parked)]);
    },
    async parkTabAgain(spreadsheetId, tab, parked) {
      await redis.write(retryTabScript, [spreadsheetId, tab, JSON.stringify(parked)]);
    },
    async unparkTab(spreadsheetId, tab) {
      await redis.write(retryTabScript, [spreadsheetId, tab, '']);
    },
  };
}

/** ARGV: spreadsheet, sequence number of a batch whose number is out of use, tab, how it is parked as JSON. The batch ends; its rows of the tab are put aside. */
const parkTabScript = `${evenWhenFull}
${luaKeys}
local sheet, tab = ARGV[1], ARGV[3]
if redis.call('GET', '${keys.inFlightNumber}' .. sheet) ~= ARGV[2] then return 0 end
redis.call('HSET', '${keys.parkedTabs}' .. sheet, tab, ARGV[4])
local members = redis.call('ZRANGE', '${keys.inFlight}' .. sheet, 0, -1, 'WITHSCORES')
for i = 1, #members, 2 do
  local isOfTab = tabOf(members[i]) == tab
  redis.call('ZADD', isOfTab and asideOf(sheet, tab) or '${keys.pending}' .. sheet, members[i + 1], members[i])
end
redis.call('DEL', '${keys.inFlight}' .. sheet, '${keys.inFlightNumber}' .. sheet)
return 1
`;

/** ARGV: spreadsheet, tab, how it is parked as JSON; '' to try its rows again now. */
const retryTabScript = `${evenWhenFull}
${luaKeys}
${takeFromAside}
${leaveWhenDone}
local sheet, tab, key = ARGV[1], ARGV[2], '${keys.parkedTabs}' .. ARGV[1]
local parked = redis.call('HGET', key, tab)
if not parked then return 0 end
if ARGV[3] ~= '' then return redis.call('HSET', key, tab, ARGV[3]) end
if takeFromAside(sheet, tab) == 1 then
  local tried = cjson.decode(parked)
  tried.retryAt = 0
  redis.call('HSET', key, tab, cjson.encode(tried))
else
  redis.call('HDEL', key, tab)
  leaveWhenDone(sheet)
end
return 1
`;
