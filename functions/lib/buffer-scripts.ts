/*
 * The steps of the buffer. Keys, per spreadsheet S:
 *   buffer:sheets        set of the spreadsheets with rows to send
 *   buffer:pending:S     sorted set, member by time: rows that wait
 *   buffer:rows:S        hash, member → cells as JSON: rows that wait or are in flight
 *   buffer:frozen:S      list of members: the batch in flight, in order
 *   buffer:inflight:S    sequence number of the batch in flight
 *   buffer:sequence:S    the last sequence number given
 *   buffer:tokens:S      sorted set, sequence number by time: batches of the last two hours
 *   buffer:seen:S:D:T    set of the ids that came on day D for tab T
 *   buffer:duplicates    how many rows came again
 */

/**
 * ARGV: days to remember, then for each row: spreadsheet, tab, id, time, cells. Gives 1 (new) or 0 (seen) for each.
 * "Seen" goes by the day of arrival on Redis's own clock, one day ahead included, since a failover may change that clock.
 * A duplicate writes as well, so that the WAIT after it waits for the replica that may not have the first one yet.
 * A time ahead of the clock would keep a row waiting; it counts as now.
 */
export const pushScript = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local today = math.floor(clock[1] / 86400)
local days = tonumber(ARGV[1])
local result = {}
for i = 2, #ARGV, 5 do
  local sheet, tab, id = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local seen = 0
  for day = today + 1, today - days, -1 do
    if redis.call('SISMEMBER', 'buffer:seen:' .. sheet .. ':' .. day .. ':' .. tab, id) == 1 then
      seen = 1
      break
    end
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

/** No ARGV. Gives for each spreadsheet its id and the times of the oldest and the newest row that waits, '' for none. */
export const sheetsScript = `
local result = {}
for _, sheet in ipairs(redis.call('SMEMBERS', 'buffer:sheets')) do
  local key = 'buffer:pending:' .. sheet
  local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  local last = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')
  result[#result + 1] = { sheet, first[2] or '', last[2] or '' }
end
return result
`;

/** ARGV: spreadsheet, time up to which rows are taken, most rows, most bytes. Gives sequence, members, cells; nil when nothing is there. */
export const freezeScript = `
local sheet = ARGV[1]
local rows, frozen = 'buffer:rows:' .. sheet, 'buffer:frozen:' .. sheet
local sequence = redis.call('GET', 'buffer:inflight:' .. sheet)
if sequence then
  redis.call('SET', 'buffer:inflight:' .. sheet, sequence)
else
  local pending = 'buffer:pending:' .. sheet
  local bytes, count = 0, 0
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', pending, '-inf', ARGV[2], 'LIMIT', 0, ARGV[3])) do
    bytes = bytes + #member + redis.call('HSTRLEN', rows, member)
    if count > 0 and bytes > tonumber(ARGV[4]) then break end
    redis.call('RPUSH', frozen, member)
    redis.call('ZREM', pending, member)
    count = count + 1
  end
  if count == 0 then return nil end
  sequence = redis.call('INCR', 'buffer:sequence:' .. sheet)
  redis.call('SET', 'buffer:inflight:' .. sheet, sequence)
  local tokens, seconds = 'buffer:tokens:' .. sheet, redis.call('TIME')[1]
  redis.call('ZADD', tokens, seconds, sequence)
  redis.call('ZREMRANGEBYSCORE', tokens, '-inf', '(' .. (seconds - 7200))
end
local members = redis.call('LRANGE', frozen, 0, -1)
local cells = {}
for i, member in ipairs(members) do cells[i] = redis.call('HGET', rows, member) end
return { tonumber(sequence), members, cells }
`;

/** ARGV: spreadsheet, sequence number. Gives 1, or 0 when another batch or none is in flight. */
export const ackScript = `
local sheet = ARGV[1]
if redis.call('GET', 'buffer:inflight:' .. sheet) ~= ARGV[2] then return 0 end
for _, member in ipairs(redis.call('LRANGE', 'buffer:frozen:' .. sheet, 0, -1)) do
  redis.call('HDEL', 'buffer:rows:' .. sheet, member)
end
redis.call('DEL', 'buffer:frozen:' .. sheet, 'buffer:inflight:' .. sheet)
if redis.call('ZCARD', 'buffer:pending:' .. sheet) == 0 then redis.call('SREM', 'buffer:sheets', sheet) end
return 1
`;

/** ARGV: spreadsheet. Gives the sequence numbers of the last two hours. */
export const recentScript = `return redis.call('ZRANGE', 'buffer:tokens:' .. ARGV[1], 0, -1)`;

/** ARGV: spreadsheet, holder, milliseconds. Gives 1 when the lease is had. */
export const leaseScript = `
if redis.call('SET', 'buffer:lease:' .. ARGV[1], ARGV[2], 'NX', 'PX', ARGV[3]) then return 1 end
return 0
`;

/** ARGV: spreadsheet, holder. */
export const releaseScript = `
if redis.call('GET', 'buffer:lease:' .. ARGV[1]) == ARGV[2] then redis.call('DEL', 'buffer:lease:' .. ARGV[1]) end
return 1
`;
