import * as v from 'valibot';
import { groupCommit } from '../runtime/group-commit.ts';
import type { DurableRedis } from '../stores/redis.ts';
import { keys, luaKeys } from './keys.ts';
import { isForgotten } from './lua.ts';
import type { BufferedRow } from './types.ts';

/** The way into the buffer. */
export interface RowQueue {
  /**
   * Resolves when the row is as safe as configured: true when it is new, false when its id was seen before or its submission is
   * forgotten. @throws Unavailable
   */
  push(row: BufferedRow): Promise<boolean>;
}

export interface RowQueueOptions {
  redis: Pick<DurableRedis, 'write'>;
  /** How long ids are remembered, in days. */
  seenDays: number;
}

/** Opens the way into the buffer; rows that come together share a transaction. */
export function openRowQueue({ redis, seenDays }: RowQueueOptions): RowQueue {
  const pushAll = async (rows: BufferedRow[]) => {
    const args = rows.flatMap(({ spreadsheetId, tab, id, time, cells, form = '' }) => [
      spreadsheetId,
      tab,
      id,
      time,
      JSON.stringify(cells),
      form,
    ]);
    return v.parse(v.array(v.number()), await redis.write(pushScript, [seenDays, ...args]));
  };
  const pushTogether = groupCommit(pushAll, { max: 500 });
  return { push: async (row) => (await pushTogether(row)) === 1 };
}

/**
 * ARGV: days to remember, then for each row: spreadsheet, tab, id, time, cells, form or ''. Returns 1 (new) or 0 (seen) for each.
 * "Seen" goes by the day of arrival on Redis's own clock, one day ahead included, since a failover may change that clock. A forgotten
 * submission always counts as seen, and so does a row that is still here, however long ago it came.
 * A duplicate writes as well, so that the WAIT after it waits for a replica that may lack the first one.
 * A time ahead of the clock would keep a row waiting; it counts as now.
 */
const pushScript = `
${luaKeys}
${isForgotten}
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local today = math.floor(clock[1] / 86400)
local days = tonumber(ARGV[1])
local result = {}
for i = 2, #ARGV, 6 do
  local sheet, tab, id = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local seen = isForgotten(id) and 1 or 0
  for day = today + 1, today - days, -1 do
    if seen == 1 then break end
    seen = redis.call('SISMEMBER', seenOf(sheet, day, tab), id)
  end
  local member = memberOf(tab, id)
  local key = seenOf(sheet, today, tab)
  if seen == 0 then
    redis.call('SADD', key, id)
    redis.call('EXPIRE', key, (days + 1) * 86400)
    if redis.call('HEXISTS', '${keys.rows}' .. sheet, member) + redis.call('HEXISTS', '${keys.refused}' .. sheet, member) > 0 then seen = 1 end
  end
  if seen == 1 then
    redis.call('INCR', '${keys.duplicates}')
    result[#result + 1] = 0
  else
    redis.call('HSET', '${keys.rows}' .. sheet, member, ARGV[i + 4])
    redis.call('ZADD', '${keys.pending}' .. sheet, string.format('%.0f', math.min(tonumber(ARGV[i + 3]), now)), member)
    redis.call('SADD', '${keys.sheets}', sheet)
    if ARGV[i + 5] ~= '' then redis.call('SADD', '${keys.forms}' .. sheet .. ':' .. tab, ARGV[i + 5]) end
    result[#result + 1] = 1
  end
end
return result
`;
