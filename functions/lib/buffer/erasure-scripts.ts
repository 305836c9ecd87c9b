import { leaveWhenDone } from './parked-tabs-scripts.ts';

/*
 * How the buffer forgets a submission. Keys beside those of buffer-scripts.ts, per spreadsheet S:
 *   buffer:forgotten     hash, submission's id → when, seconds since 1970: never taken again
 *   buffer:erase:S       set of submissions whose rows are to be taken out of the spreadsheet
 */

/** For pushScript: whether a row's id, or the id of the submission that it is about, is forgotten. */
export const isForgotten = `
local function isForgotten(id)
  return redis.call('HEXISTS', 'buffer:forgotten', id) == 1
    or redis.call('HEXISTS', 'buffer:forgotten', string.match(id, '^([^/]+)/') or id) == 1
end
`;

/** ARGV: spreadsheet, id. */
export const beginScript = `
redis.call('HSET', 'buffer:forgotten', ARGV[2], redis.call('TIME')[1])
redis.call('SADD', 'buffer:erase:' .. ARGV[1], ARGV[2])
redis.call('SADD', 'buffer:sheets', ARGV[1])
return 1
`;

/** ARGV: key of a hash, cursor, pattern. Gives the next cursor and members that match. */
export const scanScript = `
local found = redis.call('HSCAN', ARGV[1], ARGV[2], 'MATCH', ARGV[3], 'COUNT', 5000)
local members = {}
for i = 1, #found[2], 2 do members[#members + 1] = found[2][i] end
return { found[1], members }
`;

/** ARGV: spreadsheet, members. One in flight stays in its batch, empty. */
export const removeScript = `
local sheet = ARGV[1]
for i = 2, #ARGV do
  redis.call('HDEL', 'buffer:refused:' .. sheet, ARGV[i])
  if redis.call('ZSCORE', 'buffer:frozen:' .. sheet, ARGV[i]) then
    redis.call('HSET', 'buffer:rows:' .. sheet, ARGV[i], '{}')
  else
    redis.call('ZREM', 'buffer:pending:' .. sheet, ARGV[i])
    redis.call('ZREM', 'buffer:aside:' .. sheet .. ':' .. string.match(ARGV[i], '^[^\\n]*'), ARGV[i])
    redis.call('HDEL', 'buffer:rows:' .. sheet, ARGV[i])
  end
end
return 1
`;

/** ARGV: spreadsheet. */
export const listScript = `return redis.call('SMEMBERS', 'buffer:erase:' .. ARGV[1])`;

/** ARGV: spreadsheet, ids. */
export const doneScript = `
${leaveWhenDone}
local sheet = ARGV[1]
for i = 2, #ARGV do redis.call('SREM', 'buffer:erase:' .. sheet, ARGV[i]) end
leaveWhenDone(sheet)
return 1
`;
