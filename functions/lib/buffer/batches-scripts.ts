import { keys, luaKeys } from './keys.ts';
import { evenWhenFull, isParkedTab, leaveWhenDone, nextNumber, takeFromAside } from './lua.ts';

/** How long a batch may be in flight until its token alone no longer proves that it is not written, in seconds. */
const trustedSeconds = 3_600;

/**
 * ARGV: spreadsheet, time up to which rows are taken, most rows, most bytes, an id for this installation if it has none yet.
 * Returns sequence, members, cells, target, 1 when it is old: rows are older than its `since`, or its number was assigned long ago; when that was;
 * the installation; members that had no row and were removed; how many rows were put aside. Sequence 0: there is no batch.
 */
export const nextBatchScript = `${evenWhenFull}
${luaKeys}
${nextNumber}
${isParkedTab}
local sheet = ARGV[1]
local rows, inFlight, pending = '${keys.rows}' .. sheet, '${keys.inFlight}' .. sheet, '${keys.pending}' .. sheet
local seconds = tonumber(redis.call('TIME')[1])
redis.call('SET', '${keys.installation}', ARGV[5], 'NX')
local rowless, aside = {}, 0
local sequence = redis.call('GET', '${keys.inFlightNumber}' .. sheet)
if sequence then
  redis.call('SET', '${keys.inFlightNumber}' .. sheet, sequence)
else
  local bytes, count = 0, 0
  local mayBeParked = redis.call('EXISTS', '${keys.parkedTabs}' .. sheet) == 1
  local oldest = redis.call('ZRANGEBYSCORE', pending, '-inf', ARGV[2], 'WITHSCORES', 'LIMIT', 0, ARGV[3])
  for i = 1, #oldest, 2 do
    local member = oldest[i]
    local size = redis.call('HSTRLEN', rows, member)
    local tab = mayBeParked and tabOf(member)
    if size == 0 then
      rowless[#rowless + 1] = member
      redis.call('ZREM', pending, member)
    elseif tab and isParkedTab(sheet, tab, seconds * 1000) then
      aside = aside + 1
      redis.call('ZADD', asideOf(sheet, tab), oldest[i + 1], member)
      redis.call('ZREM', pending, member)
    else
      bytes = bytes + #member + size
      if count > 0 and bytes > tonumber(ARGV[4]) then break end
      redis.call('ZADD', inFlight, oldest[i + 1], member)
      redis.call('ZREM', pending, member)
      count = count + 1
    end
  end
  if count == 0 then return { 0, {}, {}, '', 0, 0, '', rowless, aside } end
  sequence = nextNumber(sheet)
end
local members, cells = {}, {}
for _, member in ipairs(redis.call('ZRANGE', inFlight, 0, -1)) do
  local row = redis.call('HGET', rows, member)
  if row then
    members[#members + 1] = member
    cells[#cells + 1] = row
  else
    rowless[#rowless + 1] = member
    redis.call('ZREM', inFlight, member)
  end
end
local oldest = redis.call('ZRANGE', inFlight, 0, 0, 'WITHSCORES')[2] or 'inf'
local numbered = tonumber(redis.call('GET', '${keys.numbered}' .. sheet) or '0')
local isOld = numbered < seconds - ${trustedSeconds}
  or tonumber(oldest) < tonumber(redis.call('GET', '${keys.since}' .. sheet) or '-inf')
return {
  tonumber(sequence), members, cells, redis.call('GET', '${keys.target}' .. sheet) or sheet, isOld and 1 or 0,
  numbered, redis.call('GET', '${keys.installation}'), rowless, aside
}
`;

/** How many numbers are assigned between two deletions of old tokens. */
const deleteEvery = 64;

/**
 * ARGV: spreadsheet, sequence number, SHA-1 of the members with \0 between them, target, tabs. Returns 1, 2 when it is time to delete old tokens,
 * or 0 when this batch is not in flight.
 * A Redis that lost a batch assigns its number again, to other rows: the number alone does not prove which rows are written.
 */
export const acknowledgeScript = `${evenWhenFull}
${luaKeys}
${takeFromAside}
${leaveWhenDone}
local sheet = ARGV[1]
if redis.call('GET', '${keys.inFlightNumber}' .. sheet) ~= ARGV[2] then return 0 end
local members = redis.call('ZRANGE', '${keys.inFlight}' .. sheet, 0, -1)
if redis.sha1hex(table.concat(members, '\\0')) ~= ARGV[3] then return 0 end
for _, member in ipairs(members) do redis.call('HDEL', '${keys.rows}' .. sheet, member) end
redis.call('DEL', '${keys.inFlight}' .. sheet, '${keys.inFlightNumber}' .. sheet, '${keys.suspect}' .. sheet)
redis.call('HDEL', '${keys.parked}', sheet)
for i = 5, #ARGV do
  redis.call('SADD', '${keys.tabs}' .. ARGV[4], ARGV[i])
  takeFromAside(sheet, ARGV[i])
  redis.call('HDEL', '${keys.parkedTabs}' .. sheet, ARGV[i])
end
leaveWhenDone(sheet)
local collected = tonumber(redis.call('GET', '${keys.collected}' .. sheet) or '0')
if math.abs(tonumber(ARGV[2]) - collected) < ${deleteEvery} then return 1 end
redis.call('SET', '${keys.collected}' .. sheet, ARGV[2])
return 2
`;

/**
 * ARGV: spreadsheet, sequence number, how many rows stay in the batch, and of which tab; '' for all. The others wait again; the batch gets a
 * new number. Returns 0 when it is not in flight any more.
 */
export const reissueScript = `${evenWhenFull}
${luaKeys}
${nextNumber}
local sheet, tab, kept = ARGV[1], ARGV[4], 0
if redis.call('GET', '${keys.inFlightNumber}' .. sheet) ~= ARGV[2] then return 0 end
local members = redis.call('ZRANGE', '${keys.inFlight}' .. sheet, 0, -1, 'WITHSCORES')
for i = 1, #members, 2 do
  if kept < tonumber(ARGV[3]) and (tab == '' or tabOf(members[i]) == tab) then
    kept = kept + 1
  else
    redis.call('ZADD', '${keys.pending}' .. sheet, members[i + 1], members[i])
    redis.call('ZREM', '${keys.inFlight}' .. sheet, members[i])
  end
end
nextNumber(sheet)
return 1
`;

/**
 * ARGV: spreadsheet, sequence number of a batch of one row, cells of the mark, reason. Returns `again` to send the row once more with
 * a new number, because one refusal may be a mistake, or when the batch is not in flight any more; `kept` when the row is kept aside and a mark
 * is sent instead; `restored` when it was a mark already: then the row is not at fault and replaces its mark again; the number is out of use.
 */
export const refuseScript = `${evenWhenFull}
${nextNumber}
local sheet = ARGV[1]
if redis.call('GET', '${keys.inFlightNumber}' .. sheet) ~= ARGV[2] then return 'again' end
local rows, refused, suspect = '${keys.rows}' .. sheet, '${keys.refused}' .. sheet, '${keys.suspect}' .. sheet
local member = redis.call('ZRANGE', '${keys.inFlight}' .. sheet, 0, 0)[1]
local kept = redis.call('HGET', refused, member)
if kept then
  redis.call('HSET', rows, member, cjson.decode(kept).cells)
  redis.call('HDEL', refused, member)
  return 'restored'
end
local isSuspect = redis.call('GET', suspect) == member
if isSuspect then
  local at = redis.call('TIME')[1] * 1000
  redis.call('SADD', '${keys.refusing}', sheet)
  redis.call('HSET', refused, member, cjson.encode({ cells = redis.call('HGET', rows, member), reason = ARGV[4], at = at }))
  redis.call('HSET', rows, member, ARGV[3])
  redis.call('DEL', suspect)
else
  redis.call('SET', suspect, member)
end
nextNumber(sheet)
return isSuspect and 'kept' or 'again'
`;

/** ARGV: spreadsheet, members that are in the sheet: they are neither sent nor kept. Returns how many were still in the buffer. */
export const dropScript = `${evenWhenFull}
${luaKeys}
local sheet, count = ARGV[1], 0
for i = 2, #ARGV do
  redis.call('ZREM', '${keys.pending}' .. sheet, ARGV[i])
  redis.call('ZREM', '${keys.inFlight}' .. sheet, ARGV[i])
  redis.call('ZREM', asideOf(sheet, tabOf(ARGV[i])), ARGV[i])
  count = count + redis.call('HDEL', '${keys.rows}' .. sheet, ARGV[i])
end
return count
`;
