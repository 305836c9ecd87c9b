import { isForgotten } from './erasure-scripts.ts';
import { evenWhenFull, isParkedTab, leaveWhenDone, takeFromAside } from './parked-tabs-scripts.ts';

/*
 * The steps of the buffer. Keys, per spreadsheet S:
 *   buffer:sheets        set of the spreadsheets with rows to send or to take out
 *   buffer:pending:S     sorted set, member by time: rows that wait
 *   buffer:rows:S        hash, member → cells as JSON: rows that wait or are in flight
 *   buffer:frozen:S      sorted set as the one of pending: the batch in flight, in order
 *   buffer:inflight:S    sequence number of the batch in flight
 *   buffer:sequence:S    the last sequence number given
 *   buffer:collected:S   the number after whose batch tokens were collected last
 *   buffer:numbered:S    when that was, seconds since 1970
 *   buffer:suspect:S     the member that was refused alone, once
 *   buffer:seen:S:D:T    set of the ids that came on day D for tab T
 *   buffer:forms:S:T     set of the forms whose rows come to tab T
 *   buffer:refused:S     hash, member → { cells, reason, at }: rows that Google refused; a mark stands in their place
 *   buffer:refusing      set of the spreadsheets that such rows were ever kept of
 *   buffer:parked        hash, spreadsheet → { reason, since, tries, retryAt }: spreadsheets that can't be written now
 *   buffer:target:S      the spreadsheet that the rows are written to since S is full
 *   buffer:spares        hash, spreadsheet of the pool → the full one that it continues
 *   buffer:tabs:S        set of the tabs that rows were written to in the spreadsheet S
 *   buffer:installation  what tells this Redis from another one that writes to the same spreadsheets, for good
 *   buffer:duplicates    how many rows came again
 *   buffer:since:S       when S was found to have rows that this Redis knows nothing of, milliseconds since 1970; five minutes more, for clocks differ
 */

/**
 * ARGV: days to remember, then for each row: spreadsheet, tab, id, time, cells, form or ''. Gives 1 (new) or 0 (seen) for each.
 * "Seen" goes by the day of arrival on Redis's own clock, one day ahead included, since a failover may change that clock. What was
 * forgotten counts as seen for good, and what is still here as long as it is, however long ago it came.
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
for i = 2, #ARGV, 6 do
  local sheet, tab, id = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local seen = isForgotten(id) and 1 or 0
  for day = today + 1, today - days, -1 do
    if seen == 1 then break end
    seen = redis.call('SISMEMBER', 'buffer:seen:' .. sheet .. ':' .. day .. ':' .. tab, id)
  end
  local member = tab .. '\\n' .. id
  local key = 'buffer:seen:' .. sheet .. ':' .. today .. ':' .. tab
  if seen == 0 then
    redis.call('SADD', key, id)
    redis.call('EXPIRE', key, (days + 1) * 86400)
    if redis.call('HEXISTS', 'buffer:rows:' .. sheet, member) + redis.call('HEXISTS', 'buffer:refused:' .. sheet, member) > 0 then seen = 1 end
  end
  if seen == 1 then
    redis.call('INCR', 'buffer:duplicates')
    result[#result + 1] = 0
  else
    redis.call('HSET', 'buffer:rows:' .. sheet, member, ARGV[i + 4])
    redis.call('ZADD', 'buffer:pending:' .. sheet, string.format('%.0f', math.min(tonumber(ARGV[i + 3]), now)), member)
    redis.call('SADD', 'buffer:sheets', sheet)
    if ARGV[i + 5] ~= '' then redis.call('SADD', 'buffer:forms:' .. sheet .. ':' .. tab, ARGV[i + 5]) end
    result[#result + 1] = 1
  end
end
return result
`;

/** No ARGV. Gives for each spreadsheet its id, the times of the oldest and the newest row that waits, how it is parked ('' for none), its target, and its parked tabs and how. */
export const sheetsScript = `
local result = {}
for _, sheet in ipairs(redis.call('SMEMBERS', 'buffer:sheets')) do
  local key = 'buffer:pending:' .. sheet
  local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  local last = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')
  result[#result + 1] = { sheet, first[2] or '', last[2] or '', redis.call('HGET', 'buffer:parked', sheet) or '',
    redis.call('GET', 'buffer:target:' .. sheet) or sheet, redis.call('HGETALL', 'buffer:parked-tabs:' .. sheet) }
end
return result
`;

/** A new number for the batch in flight, and when it was given. */
const nextNumber = `
local function nextNumber(sheet)
  local sequence = redis.call('INCR', 'buffer:sequence:' .. sheet)
  redis.call('SET', 'buffer:inflight:' .. sheet, sequence)
  redis.call('SET', 'buffer:numbered:' .. sheet, redis.call('TIME')[1])
  return sequence
end
`;

/** The longest that a batch is in flight and only its token is asked whether it has landed, in seconds. */
const trustedSeconds = 3_600;

/**
 * ARGV: spreadsheet, time up to which rows are taken, most rows, most bytes, an id for this installation if it has none yet.
 * Gives sequence, members, cells, target, 1 when it is old: rows are older than its `since`, or its number was given long ago; when that was;
 * the installation; members without a row, which are dropped; and how many rows were put aside. Sequence 0: none was frozen.
 */
export const freezeScript = `${evenWhenFull}
${nextNumber}
${isParkedTab}
local sheet = ARGV[1]
local rows, frozen, pending = 'buffer:rows:' .. sheet, 'buffer:frozen:' .. sheet, 'buffer:pending:' .. sheet
local seconds = tonumber(redis.call('TIME')[1])
redis.call('SET', 'buffer:installation', ARGV[5], 'NX')
local dropped, aside = {}, 0
local sequence = redis.call('GET', 'buffer:inflight:' .. sheet)
if sequence then
  redis.call('SET', 'buffer:inflight:' .. sheet, sequence)
else
  local bytes, count = 0, 0
  local mayBeParked = redis.call('EXISTS', 'buffer:parked-tabs:' .. sheet) == 1
  local oldest = redis.call('ZRANGEBYSCORE', pending, '-inf', ARGV[2], 'WITHSCORES', 'LIMIT', 0, ARGV[3])
  for i = 1, #oldest, 2 do
    local member = oldest[i]
    local size = redis.call('HSTRLEN', rows, member)
    local tab = mayBeParked and string.match(member, '^[^\\n]*')
    if size == 0 then
      dropped[#dropped + 1] = member
      redis.call('ZREM', pending, member)
    elseif tab and isParkedTab(sheet, tab, seconds * 1000) then
      aside = aside + 1
      redis.call('ZADD', 'buffer:aside:' .. sheet .. ':' .. tab, oldest[i + 1], member)
      redis.call('ZREM', pending, member)
    else
      bytes = bytes + #member + size
      if count > 0 and bytes > tonumber(ARGV[4]) then break end
      redis.call('ZADD', frozen, oldest[i + 1], member)
      redis.call('ZREM', pending, member)
      count = count + 1
    end
  end
  if count == 0 then return { 0, {}, {}, '', 0, 0, '', dropped, aside } end
  sequence = nextNumber(sheet)
end
local members, cells = {}, {}
for _, member in ipairs(redis.call('ZRANGE', frozen, 0, -1)) do
  local row = redis.call('HGET', rows, member)
  if row then
    members[#members + 1] = member
    cells[#cells + 1] = row
  else
    dropped[#dropped + 1] = member
    redis.call('ZREM', frozen, member)
  end
end
local oldest = redis.call('ZRANGE', frozen, 0, 0, 'WITHSCORES')[2] or 'inf'
local numbered = tonumber(redis.call('GET', 'buffer:numbered:' .. sheet) or '0')
local isOld = numbered < seconds - ${trustedSeconds}
  or tonumber(oldest) < tonumber(redis.call('GET', 'buffer:since:' .. sheet) or '-inf')
return {
  tonumber(sequence), members, cells, redis.call('GET', 'buffer:target:' .. sheet) or sheet, isOld and 1 or 0,
  numbered, redis.call('GET', 'buffer:installation'), dropped, aside
}
`;

/** How many numbers are given between two collections of tokens. */
const collectEvery = 64;

/**
 * ARGV: spreadsheet, sequence number, SHA-1 of the members with \0 between them, target, tabs. Gives 1, 2 when tokens are to be collected, or 0
 * when another batch or none is in flight.
 * A Redis that lost a batch gives its number again, and to other rows: the number alone does not tell which ones have landed.
 */
export const ackScript = `${evenWhenFull}
${takeFromAside}
${leaveWhenDone}
local sheet = ARGV[1]
if redis.call('GET', 'buffer:inflight:' .. sheet) ~= ARGV[2] then return 0 end
local members = redis.call('ZRANGE', 'buffer:frozen:' .. sheet, 0, -1)
if redis.sha1hex(table.concat(members, '\\0')) ~= ARGV[3] then return 0 end
for _, member in ipairs(members) do redis.call('HDEL', 'buffer:rows:' .. sheet, member) end
redis.call('DEL', 'buffer:frozen:' .. sheet, 'buffer:inflight:' .. sheet, 'buffer:suspect:' .. sheet)
redis.call('HDEL', 'buffer:parked', sheet)
for i = 5, #ARGV do
  redis.call('SADD', 'buffer:tabs:' .. ARGV[4], ARGV[i])
  takeFromAside(sheet, ARGV[i])
  redis.call('HDEL', 'buffer:parked-tabs:' .. sheet, ARGV[i])
end
leaveWhenDone(sheet)
local collected = tonumber(redis.call('GET', 'buffer:collected:' .. sheet) or '0')
if math.abs(tonumber(ARGV[2]) - collected) < ${collectEvery} then return 1 end
redis.call('SET', 'buffer:collected:' .. sheet, ARGV[2])
return 2
`;

/** ARGV: spreadsheet, tabs. Gives the forms of each. */
export const formsScript = `
local forms = {}
for i = 2, #ARGV do forms[#forms + 1] = redis.call('SMEMBERS', 'buffer:forms:' .. ARGV[1] .. ':' .. ARGV[i]) end
return forms
`;

/** ARGV: target, tabs. Gives those that rows were written to. */
export const writtenScript = `
local written = {}
for i = 2, #ARGV do
  if redis.call('SISMEMBER', 'buffer:tabs:' .. ARGV[1], ARGV[i]) == 1 then written[#written + 1] = ARGV[i] end
end
return written
`;

/** ARGV: spreadsheet, sequence number, how many rows stay in the batch, and of which tab; '' for all. The others wait again; the batch gets a new number. */
export const reissueScript = `${evenWhenFull}
${nextNumber}
local sheet, tab, kept = ARGV[1], ARGV[4], 0
if redis.call('GET', 'buffer:inflight:' .. sheet) ~= ARGV[2] then return 0 end
local members = redis.call('ZRANGE', 'buffer:frozen:' .. sheet, 0, -1, 'WITHSCORES')
for i = 1, #members, 2 do
  if kept < tonumber(ARGV[3]) and (tab == '' or string.sub(members[i], 1, #tab + 1) == tab .. '\\n') then
    kept = kept + 1
  else
    redis.call('ZADD', 'buffer:pending:' .. sheet, members[i + 1], members[i])
    redis.call('ZREM', 'buffer:frozen:' .. sheet, members[i])
  end
end
nextNumber(sheet)
return 1
`;

/**
 * ARGV: spreadsheet, sequence number of a batch of one row, cells of the mark, reason. Gives `again` when the row is to be sent once more with a
 * new number, for one refusal may have been by mistake; `kept` when it is kept aside and now a mark; `restored` when it was a mark already: then
 * it is not the row that is at fault, and it is itself again, its number out of use.
 */
export const refuseScript = `${evenWhenFull}
${nextNumber}
local sheet = ARGV[1]
if redis.call('GET', 'buffer:inflight:' .. sheet) ~= ARGV[2] then return 'again' end
local rows, refused, suspect = 'buffer:rows:' .. sheet, 'buffer:refused:' .. sheet, 'buffer:suspect:' .. sheet
local member = redis.call('ZRANGE', 'buffer:frozen:' .. sheet, 0, 0)[1]
local kept = redis.call('HGET', refused, member)
if kept then
  redis.call('HSET', rows, member, cjson.decode(kept).cells)
  redis.call('HDEL', refused, member)
  return 'restored'
end
local isSuspect = redis.call('GET', suspect) == member
if isSuspect then
  local at = redis.call('TIME')[1] * 1000
  redis.call('SADD', 'buffer:refusing', sheet)
  redis.call('HSET', refused, member, cjson.encode({ cells = redis.call('HGET', rows, member), reason = ARGV[4], at = at }))
  redis.call('HSET', rows, member, ARGV[3])
  redis.call('DEL', suspect)
else
  redis.call('SET', suspect, member)
end
nextNumber(sheet)
return isSuspect and 'kept' or 'again'
`;

/** ARGV: spreadsheet, then members that stand in the sheet: they are neither sent nor kept. Gives how many there were. */
export const forgetScript = `${evenWhenFull}
local sheet, count = ARGV[1], 0
for i = 2, #ARGV do
  redis.call('ZREM', 'buffer:pending:' .. sheet, ARGV[i])
  redis.call('ZREM', 'buffer:frozen:' .. sheet, ARGV[i])
  redis.call('ZREM', 'buffer:aside:' .. sheet .. ':' .. string.match(ARGV[i], '^[^\\n]*'), ARGV[i])
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
${leaveWhenDone}
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
  leaveWhenDone(sheet)
end
return 1
`;

/** ARGV: spreadsheet. Gives 1 when batches of it have been numbered before. */
export const knownScript = `return redis.call('EXISTS', 'buffer:sequence:' .. ARGV[1])`;

/** ARGV: spreadsheet, how it is parked as JSON. */
export const parkScript = `${evenWhenFull}
return redis.call('HSET', 'buffer:parked', ARGV[1], ARGV[2])
`;

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
