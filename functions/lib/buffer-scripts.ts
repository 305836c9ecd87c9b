import { isForgotten } from './erasure-scripts.ts';

/*
 * The steps of the buffer. Keys, per spreadsheet S:
 *   buffer:sheets        set of the spreadsheets with rows to send or to take out
 *   buffer:pending:S     sorted set, member by time: rows that wait
 *   buffer:rows:S        hash, member → cells as JSON: rows that wait or are in flight
 *   buffer:frozen:S      sorted set as the one of pending: the batch in flight, in order
 *   buffer:inflight:S    sequence number of the batch in flight
 *   buffer:sequence:S    the last sequence number given
 *   buffer:tokens:S      sorted set, sequence number by time: batches of the last two hours
 *   buffer:seen:S:D:T    set of the ids that came on day D for tab T
 *   buffer:refused:S     hash, member → { cells, reason, at }: rows that Google refused; a mark stands in their place
 *   buffer:refusing      set of the spreadsheets that such rows were ever kept of
 *   buffer:parked        hash, spreadsheet → { reason, since, tries, retryAt }: spreadsheets that can't be written now
 *   buffer:target:S      the spreadsheet that the rows are written to since S is full
 *   buffer:spares        hash, spreadsheet of the pool → the full one that it continues
 *   buffer:tabs:S        set of the tabs that rows were written to in the spreadsheet S
 *   buffer:duplicates    how many rows came again
 *   buffer:since:S       when S was found to have rows that this Redis knows nothing of, milliseconds since 1970; five minutes more, for clocks differ
 */

/**
 * ARGV: days to remember, then for each row: spreadsheet, tab, id, time, cells. Gives 1 (new) or 0 (seen) for each.
 * "Seen" goes by the day of arrival on Redis's own clock, one day ahead included, since a failover may change that clock. What was
 * forgotten counts as seen for good.
 * A duplicate writes as well, so that the WAIT after it waits for the replica that may not have the first one yet.
 * A time ahead of the clock would keep a row waiting; it counts as now.
 */
export const pushScript = `
${isForgotten}
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local today = math.floor(clock[1] / 86400)
local days = tonumber(ARGV[1])
local result = {}
for i = 2, #ARGV, 5 do
  local sheet, tab, id = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local seen = isForgotten(id) and 1 or 0
  for day = today + 1, today - days, -1 do
    if seen == 1 then break end
    seen = redis.call('SISMEMBER', 'buffer:seen:' .. sheet .. ':' .. day .. ':' .. tab, id)
  end
  if seen == 1 then
    redis.call('INCR', 'buffer:duplicates')
    result[#result + 1] = 0
  else
    local member = tab .. '\\n' .. id
    local key = 'buffer:seen:' .. sheet .. ':' .. today .. ':' .. tab
    redis.call('SADD', key, id)
    redis.call('EXPIRE', key, (days + 1) * 86400)
    redis.call('HSET', 'buffer:rows:' .. sheet, member, ARGV[i + 4])
    redis.call('ZADD', 'buffer:pending:' .. sheet, string.format('%.0f', math.min(tonumber(ARGV[i + 3]), now)), member)
    redis.call('SADD', 'buffer:sheets', sheet)
    result[#result + 1] = 1
  end
end
return result
`;

/** No ARGV. Gives for each spreadsheet its id, the times of the oldest and the newest row that waits, and how it is parked; '' for none. */
export const sheetsScript = `
local result = {}
for _, sheet in ipairs(redis.call('SMEMBERS', 'buffer:sheets')) do
  local key = 'buffer:pending:' .. sheet
  local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  local last = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')
  result[#result + 1] = { sheet, first[2] or '', last[2] or '', redis.call('HGET', 'buffer:parked', sheet) or '' }
end
return result
`;

/**
 * The first line of what a flush does that writes: it is done in a Redis that is full as well (https://redis.io/docs/latest/develop/programmability/lua-api/#script_flags),
 * or the rows that fill it could never leave it.
 */
const evenWhenFull = '#!lua flags=allow-oom';

/** A new number for the batch in flight; remembers when it was given, for two hours. */
const nextNumber = `
local function nextNumber(sheet)
  local sequence = redis.call('INCR', 'buffer:sequence:' .. sheet)
  redis.call('SET', 'buffer:inflight:' .. sheet, sequence)
  local tokens, seconds = 'buffer:tokens:' .. sheet, redis.call('TIME')[1]
  redis.call('ZADD', tokens, seconds, sequence)
  redis.call('ZREMRANGEBYSCORE', tokens, '-inf', '(' .. (seconds - 7200))
  return sequence
end
`;

/** ARGV: spreadsheet, time up to which rows are taken, most rows, most bytes. Gives sequence, members, cells, target, and 1 when rows are older than its `since`; nil when nothing is there. */
export const freezeScript = `${evenWhenFull}
${nextNumber}
local sheet = ARGV[1]
local rows, frozen = 'buffer:rows:' .. sheet, 'buffer:frozen:' .. sheet
local sequence = redis.call('GET', 'buffer:inflight:' .. sheet)
if sequence then
  redis.call('SET', 'buffer:inflight:' .. sheet, sequence)
else
  local pending = 'buffer:pending:' .. sheet
  local bytes, count = 0, 0
  local oldest = redis.call('ZRANGEBYSCORE', pending, '-inf', ARGV[2], 'WITHSCORES', 'LIMIT', 0, ARGV[3])
  for i = 1, #oldest, 2 do
    local member = oldest[i]
    bytes = bytes + #member + redis.call('HSTRLEN', rows, member)
    if count > 0 and bytes > tonumber(ARGV[4]) then break end
    redis.call('ZADD', frozen, oldest[i + 1], member)
    redis.call('ZREM', pending, member)
    count = count + 1
  end
  if count == 0 then return nil end
  sequence = nextNumber(sheet)
end
local members = redis.call('ZRANGE', frozen, 0, -1)
local cells = {}
for i, member in ipairs(members) do cells[i] = redis.call('HGET', rows, member) end
local oldest = redis.call('ZRANGE', frozen, 0, 0, 'WITHSCORES')[2] or 'inf'
local isOld = tonumber(oldest) < tonumber(redis.call('GET', 'buffer:since:' .. sheet) or '-inf')
return { tonumber(sequence), members, cells, redis.call('GET', 'buffer:target:' .. sheet) or sheet, isOld and 1 or 0 }
`;

/**
 * ARGV: spreadsheet, sequence number, SHA-1 of the members with \0 between them, target, tabs. Gives 1, or 0 when another batch or none is in flight.
 * A Redis that lost a batch gives its number again, and to other rows: the number alone does not tell which ones have landed.
 */
export const ackScript = `${evenWhenFull}
local sheet = ARGV[1]
if redis.call('GET', 'buffer:inflight:' .. sheet) ~= ARGV[2] then return 0 end
local members = redis.call('ZRANGE', 'buffer:frozen:' .. sheet, 0, -1)
if redis.sha1hex(table.concat(members, '\\0')) ~= ARGV[3] then return 0 end
for _, member in ipairs(members) do redis.call('HDEL', 'buffer:rows:' .. sheet, member) end
redis.call('DEL', 'buffer:frozen:' .. sheet, 'buffer:inflight:' .. sheet)
redis.call('HDEL', 'buffer:parked', sheet)
if redis.call('EXISTS', 'buffer:pending:' .. sheet, 'buffer:erase:' .. sheet) == 0 then redis.call('SREM', 'buffer:sheets', sheet) end
for i = 5, #ARGV do redis.call('SADD', 'buffer:tabs:' .. ARGV[4], ARGV[i]) end
return 1
`;

/** ARGV: target, tabs. Gives those that rows were written to. */
export const writtenScript = `
local written = {}
for i = 2, #ARGV do
  if redis.call('SISMEMBER', 'buffer:tabs:' .. ARGV[1], ARGV[i]) == 1 then written[#written + 1] = ARGV[i] end
end
return written
`;

/** ARGV: spreadsheet, sequence number, how many rows stay in the batch. The others wait again; the batch gets a new number. */
export const reissueScript = `${evenWhenFull}
${nextNumber}
local sheet = ARGV[1]
if redis.call('GET', 'buffer:inflight:' .. sheet) ~= ARGV[2] then return 0 end
local rest = redis.call('ZRANGE', 'buffer:frozen:' .. sheet, ARGV[3], -1, 'WITHSCORES')
for i = 1, #rest, 2 do
  redis.call('ZADD', 'buffer:pending:' .. sheet, rest[i + 1], rest[i])
  redis.call('ZREM', 'buffer:frozen:' .. sheet, rest[i])
end
nextNumber(sheet)
return 1
`;

/**
 * ARGV: spreadsheet, sequence number of a batch of one row, cells of the mark, reason. Gives 1 when the row is now a mark.
 * When it was one already, it is not the row that is at fault: the row is itself again, and 0 is given.
 */
export const refuseScript = `${evenWhenFull}
${nextNumber}
local sheet = ARGV[1]
if redis.call('GET', 'buffer:inflight:' .. sheet) ~= ARGV[2] then return 0 end
local rows, refused = 'buffer:rows:' .. sheet, 'buffer:refused:' .. sheet
local member = redis.call('ZRANGE', 'buffer:frozen:' .. sheet, 0, 0)[1]
local kept = redis.call('HGET', refused, member)
if kept then
  redis.call('HSET', rows, member, cjson.decode(kept).cells)
  redis.call('HDEL', refused, member)
  nextNumber(sheet)
  return 0
end
local at = redis.call('TIME')[1] * 1000
redis.call('SADD', 'buffer:refusing', sheet)
redis.call('HSET', refused, member, cjson.encode({ cells = redis.call('HGET', rows, member), reason = ARGV[4], at = at }))
redis.call('HSET', rows, member, ARGV[3])
nextNumber(sheet)
return 1
`;

/** ARGV: spreadsheet, then members that stand in the sheet: they are neither sent nor kept. Gives how many there were. */
export const forgetScript = `${evenWhenFull}
local sheet, count = ARGV[1], 0
for i = 2, #ARGV do
  redis.call('ZREM', 'buffer:pending:' .. sheet, ARGV[i])
  redis.call('ZREM', 'buffer:frozen:' .. sheet, ARGV[i])
  count = count + redis.call('HDEL', 'buffer:rows:' .. sheet, ARGV[i])
end
return count
`;

/** ARGV: full spreadsheet, the pool. Gives the one that continues it, a free one if none does yet; nil when all are taken. */
export const claimScript = `${evenWhenFull}
local full, free = ARGV[1], nil
for i = 2, #ARGV do
  local continues = redis.call('HGET', 'buffer:spares', ARGV[i])
  if continues == full then return ARGV[i] end
  -- One that has rows of its own, by a mistake in the configuration, is not free.
  if not continues and redis.call('EXISTS', 'buffer:sequence:' .. ARGV[i]) == 0 then free = free or ARGV[i] end
end
if free then redis.call('HSET', 'buffer:spares', free, full) end
return free
`;

/** ARGV: spreadsheet, target, number of the batch in flight or '' for none. Gives 1, or 0 when that is not (any more) how it is. */
export const redirectScript = `${evenWhenFull}
${nextNumber}
local sheet = ARGV[1]
if (redis.call('GET', 'buffer:inflight:' .. sheet) or '') ~= ARGV[3] then return 0 end
redis.call('SET', 'buffer:target:' .. sheet, ARGV[2])
if ARGV[3] ~= '' then nextNumber(sheet) end
return 1
`;

/**
 * ARGV: spreadsheet, highest number in the sheet, target, number of the batch in flight or '' for none. Numbers go on after it, and in the target;
 * that batch gets a new one or, when it is empty, ends. Gives 0, and does nothing, when another one is in flight: it may be on its way with its number.
 */
export const renumberScript = `${evenWhenFull}
${nextNumber}
local sheet = ARGV[1]
if (redis.call('GET', 'buffer:inflight:' .. sheet) or '') ~= ARGV[4] then return 0 end
local last = tonumber(redis.call('GET', 'buffer:sequence:' .. sheet) or '0')
redis.call('SET', 'buffer:sequence:' .. sheet, math.max(last, tonumber(ARGV[2])))
if tonumber(ARGV[2]) > 0 then redis.call('SET', 'buffer:since:' .. sheet, (redis.call('TIME')[1] + 300) * 1000) end
if ARGV[3] ~= sheet then redis.call('SET', 'buffer:target:' .. sheet, ARGV[3]) end
if redis.call('ZCARD', 'buffer:frozen:' .. sheet) > 0 then
  nextNumber(sheet)
else
  redis.call('DEL', 'buffer:inflight:' .. sheet)
  if redis.call('EXISTS', 'buffer:pending:' .. sheet, 'buffer:erase:' .. sheet) == 0 then redis.call('SREM', 'buffer:sheets', sheet) end
end
return 1
`;

/** ARGV: spreadsheet. Gives 1 when batches of it have been numbered before. */
export const knownScript = `return redis.call('EXISTS', 'buffer:sequence:' .. ARGV[1])`;

/** ARGV: spreadsheet, how it is parked as JSON. */
export const parkScript = `${evenWhenFull}
return redis.call('HSET', 'buffer:parked', ARGV[1], ARGV[2])
`;

/** ARGV: spreadsheet. Gives the sequence numbers of the last two hours. */
export const recentScript = `return redis.call('ZRANGE', 'buffer:tokens:' .. ARGV[1], 0, -1)`;

/** ARGV: spreadsheet, holder, milliseconds. Gives 1 when the lease is had, also by one who had it already. */
export const leaseScript = `${evenWhenFull}
local key = 'buffer:lease:' .. ARGV[1]
if redis.call('SET', key, ARGV[2], 'NX', 'PX', ARGV[3]) then return 1 end
return redis.call('GET', key) == ARGV[2] and redis.call('PEXPIRE', key, ARGV[3]) or 0
`;

/** ARGV: spreadsheet, holder. */
export const releaseScript = `${evenWhenFull}
if redis.call('GET', 'buffer:lease:' .. ARGV[1]) == ARGV[2] then redis.call('DEL', 'buffer:lease:' .. ARGV[1]) end
return 1
`;
