/*
 * Keys
 *   later:tasks                 set of the tasks that ever had an event in their queue
 *   later:entry:TASK:ID         hash: message (the event as it came), destination, failures in a row, downs (how often a dependency was
 *                               unavailable), reason of the last failure, holder (a random id of the run that works on it, or '')
 *   later:since:TASK            sorted set: ids by the time when they were added
 *   later:due:TASK:DESTINATION  sorted set: ids by the time of their next try; while a run works on one, the end of its lease
 *   later:open:TASK:DESTINATION sorted set: of those, the ids that a run works on, by the end of its lease
 *   later:destinations:TASK     sorted set: destinations by the time when one of their events is due
 *   later:forgotten:TASK:ID     a forgotten submission: no event of it is added
 * Times are milliseconds since 1970 on Redis's own clock.
 */

/** ARGV 1 of every script is the task. */
const common = `
local task = ARGV[1]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local destinations = 'later:destinations:' .. task
local since = 'later:since:' .. task
local function entry(id) return 'later:entry:' .. task .. ':' .. id end
local function due(destination) return 'later:due:' .. task .. ':' .. destination end
local function open(destination) return 'later:open:' .. task .. ':' .. destination end
local function at(ms) return string.format('%.0f', ms) end
local function rank(destination)
  local first = redis.call('ZRANGE', due(destination), 0, 0, 'WITHSCORES')
  if first[2] then redis.call('ZADD', destinations, first[2], destination)
  else redis.call('ZREM', destinations, destination) end
end
local function remove(id)
  local destination = redis.call('HGET', entry(id), 'destination')
  if not destination then return end
  redis.call('DEL', entry(id))
  redis.call('ZREM', since, id)
  redis.call('ZREM', due(destination), id)
  redis.call('ZREM', open(destination), id)
  rank(destination)
end
local function isHeld(id, holder) return redis.call('HGET', entry(id), 'holder') == holder end
`;

/** ARGV: id, its submission, message, destination, reason, pause (ms), '1' when a person redrives it, memory (s). */
export const putScript = `${common}
local id = ARGV[2]
if redis.call('EXPIRE', 'later:forgotten:' .. task .. ':' .. ARGV[3], ARGV[9]) == 1 then return 'forgotten' end
if redis.call('EXISTS', entry(id)) == 1 then
  redis.call('HSET', entry(id), 'reason', ARGV[6])
  if ARGV[8] == '1' then redis.call('HSET', entry(id), 'message', ARGV[4]) end
  return 'waiting'
end
redis.call('HSET', entry(id), 'message', ARGV[4], 'destination', ARGV[5], 'reason', ARGV[6], 'failures', 1, 'downs', 0, 'holder', '')
redis.call('ZADD', since, at(now), id)
redis.call('ZADD', due(ARGV[5]), at(now + ARGV[7]), id)
rank(ARGV[5])
redis.call('SADD', 'later:tasks', task)
return 'queued'
`;

/** ARGV: holder, most at once for one destination, lease (ms). Ends, because a destination that it skips becomes due later. */
export const takeScript = `${common}
local holder, most, lease = ARGV[2], tonumber(ARGV[3]), at(now + ARGV[4])
while true do
  local destination = redis.call('ZRANGEBYSCORE', destinations, '-inf', now, 'LIMIT', 0, 1)[1]
  if not destination then return false end
  redis.call('ZREMRANGEBYSCORE', open(destination), '-inf', now)
  if redis.call('ZCARD', open(destination)) >= most then
    redis.call('ZADD', destinations, redis.call('ZRANGE', open(destination), 0, 0, 'WITHSCORES')[2], destination)
  else
    local id = redis.call('ZRANGE', due(destination), 0, 0)[1]
    redis.call('HSET', entry(id), 'holder', holder)
    redis.call('ZADD', due(destination), lease, id)
    redis.call('ZADD', open(destination), lease, id)
    rank(destination)
    return { id, unpack(redis.call('HMGET', entry(id), 'message', 'destination', 'failures', 'downs')) }
  end
end
`;

/** ARGV: id, its submission, holder, lease (ms). An entry that Redis lost belongs to the run that still has the event. */
export const holdScript = `${common}
local id = ARGV[2]
if redis.call('EXISTS', 'later:forgotten:' .. task .. ':' .. ARGV[3]) == 1 then return 0 end
if redis.call('EXISTS', entry(id)) == 0 then return 1 end
if not isHeld(id, ARGV[4]) then return 0 end
local destination = redis.call('HGET', entry(id), 'destination')
redis.call('ZADD', due(destination), at(now + ARGV[5]), id)
redis.call('ZADD', open(destination), at(now + ARGV[5]), id)
return 1
`;

/** ARGV: id, holder, reason, pause (ms), failures, downs. */
export const againScript = `${common}
local id = ARGV[2]
if redis.call('EXISTS', entry(id)) == 0 then return 'gone' end
if not isHeld(id, ARGV[3]) then return 'taken' end
local destination = redis.call('HGET', entry(id), 'destination')
redis.call('HSET', entry(id), 'reason', ARGV[4], 'failures', ARGV[6], 'downs', ARGV[7], 'holder', '')
redis.call('ZADD', due(destination), at(now + ARGV[5]), id)
redis.call('ZREM', open(destination), id)
rank(destination)
return 'again'
`;

/** ARGV: id, holder. */
export const doneScript = `${common}
if isHeld(ARGV[2], ARGV[3]) then remove(ARGV[2]) end
`;

/** ARGV: submission, memory (s), ids. */
export const forgetScript = `${common}
redis.call('SET', 'later:forgotten:' .. task .. ':' .. ARGV[2], '', 'EX', ARGV[3])
for i = 4, #ARGV do remove(ARGV[i]) end
`;

/** ARGV: cursor, pattern. About a thousand at a time, so that Redis is not blocked. */
export const scanScript = `${common}
return redis.call('ZSCAN', since, ARGV[2], 'MATCH', ARGV[3], 'COUNT', 1000)
`;
