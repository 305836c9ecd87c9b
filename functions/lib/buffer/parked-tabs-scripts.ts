/*
 * How the buffer leaves tabs alone that can't be written now. Keys beside those of buffer-scripts.ts, per spreadsheet S:
 *   buffer:parked-tabs:S   hash, tab → { reason, since, tries, retryAt }; gone with the next batch for the tab that is acknowledged
 *   buffer:aside:S:T       sorted set as the one of pending: rows of the tab T, put aside so that they are in nobody's way
 */

/**
 * The first line of what a flush does that writes: it is done in a Redis that is full as well (https://redis.io/docs/latest/develop/programmability/lua-api/#script_flags),
 * or the rows that fill it could never leave it.
 */
export const evenWhenFull = '#!lua flags=allow-oom';

/** Whether a tab is left alone at a moment, in milliseconds since 1970. */
export const isParkedTab = `
local function isParkedTab(sheet, tab, now)
  local parked = redis.call('HGET', 'buffer:parked-tabs:' .. sheet, tab)
  return parked and cjson.decode(parked).retryAt > now
end
`;

/** Lets the rows of a tab that were put aside wait with the others again. */
export const takeFromAside = `
local function takeFromAside(sheet, tab)
  local aside, pending = 'buffer:aside:' .. sheet .. ':' .. tab, 'buffer:pending:' .. sheet
  if redis.call('EXISTS', aside) == 0 then return 0 end
  redis.call('ZUNIONSTORE', pending, 2, pending, aside, 'AGGREGATE', 'MIN')
  redis.call('DEL', aside)
  return 1
end
`;

/** Takes a spreadsheet off the list of those that have something in the buffer, if so. */
export const leaveWhenDone = `
local function leaveWhenDone(sheet)
  local left = redis.call('EXISTS', 'buffer:pending:' .. sheet, 'buffer:inflight:' .. sheet, 'buffer:erase:' .. sheet, 'buffer:parked-tabs:' .. sheet)
  if left == 0 then redis.call('SREM', 'buffer:sheets', sheet) end
end
`;

/** ARGV: spreadsheet, sequence number of a batch whose number is out of use, tab, how it is parked as JSON. The batch ends; its rows of the tab are put aside. */
export const parkTabScript = `${evenWhenFull}
local sheet, tab = ARGV[1], ARGV[3]
if redis.call('GET', 'buffer:inflight:' .. sheet) ~= ARGV[2] then return 0 end
redis.call('HSET', 'buffer:parked-tabs:' .. sheet, tab, ARGV[4])
local members = redis.call('ZRANGE', 'buffer:frozen:' .. sheet, 0, -1, 'WITHSCORES')
for i = 1, #members, 2 do
  local isOfTab = string.sub(members[i], 1, #tab + 1) == tab .. '\\n'
  redis.call('ZADD', isOfTab and 'buffer:aside:' .. sheet .. ':' .. tab or 'buffer:pending:' .. sheet, members[i + 1], members[i])
end
redis.call('DEL', 'buffer:frozen:' .. sheet, 'buffer:inflight:' .. sheet)
return 1
`;

/** ARGV: spreadsheet, tab, how it is parked as JSON; '' to try its rows again now. */
export const retryTabScript = `${evenWhenFull}
${takeFromAside}
${leaveWhenDone}
local sheet, tab, key = ARGV[1], ARGV[2], 'buffer:parked-tabs:' .. ARGV[1]
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
