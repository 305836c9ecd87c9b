import { keys } from './keys.ts';
import { evenWhenFull, leaveWhenDone, nextNumber } from './lua.ts';

/** No ARGV. Returns for each spreadsheet its id, the times of the oldest and the newest row that waits, how it is parked or '', its target, and its parked tabs and how. */
export const waitingScript = `
local result = {}
for _, sheet in ipairs(redis.call('SMEMBERS', '${keys.sheets}')) do
  local key = '${keys.pending}' .. sheet
  local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  local last = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')
  result[#result + 1] = { sheet, first[2] or '', last[2] or '', redis.call('HGET', '${keys.parked}', sheet) or '',
    redis.call('GET', '${keys.target}' .. sheet) or sheet, redis.call('HGETALL', '${keys.parkedTabs}' .. sheet) }
end
return result
`;

/** ARGV: spreadsheet, tabs. Returns the forms of each. */
export const formsScript = `
local forms = {}
for i = 2, #ARGV do forms[#forms + 1] = redis.call('SMEMBERS', '${keys.forms}' .. ARGV[1] .. ':' .. ARGV[i]) end
return forms
`;

/** ARGV: target, tabs. Returns the tabs that rows were written to. */
export const writtenScript = `
local written = {}
for i = 2, #ARGV do
  if redis.call('SISMEMBER', '${keys.tabs}' .. ARGV[1], ARGV[i]) == 1 then written[#written + 1] = ARGV[i] end
end
return written
`;

/** ARGV: full spreadsheet, the pool. Returns the spreadsheet that continues it, a free one if none does yet; nil when all are taken. */
export const claimScript = `${evenWhenFull}
local full, free = ARGV[1], nil
for i = 2, #ARGV do
  local continues = redis.call('HGET', '${keys.spares}', ARGV[i])
  if continues == full then return ARGV[i] end
  -- A spreadsheet with rows of its own, by a mistake in the configuration, is not free.
  if not continues and redis.call('EXISTS', '${keys.sequence}' .. ARGV[i]) == 0 then free = free or ARGV[i] end
end
if free then redis.call('HSET', '${keys.spares}', free, full) end
return free
`;

/** ARGV: spreadsheet, target, number of the batch in flight or '' for none. Returns 1, or 0 when another batch is in flight, or none. */
export const redirectScript = `${evenWhenFull}
${nextNumber}
local sheet = ARGV[1]
if (redis.call('GET', '${keys.inFlightNumber}' .. sheet) or '') ~= ARGV[3] then return 0 end
redis.call('SET', '${keys.target}' .. sheet, ARGV[2])
if ARGV[3] ~= '' then nextNumber(sheet) end
return 1
`;

/**
 * ARGV: spreadsheet, highest number in the sheet, target, number of the batch in flight or '' for none. Numbers continue after it, in the target;
 * that batch gets a new number or, when it is empty, ends. Returns 0, and does nothing, when another batch is in flight: its number may be on its way.
 */
export const renumberScript = `${evenWhenFull}
${nextNumber}
${leaveWhenDone}
local sheet = ARGV[1]
if (redis.call('GET', '${keys.inFlightNumber}' .. sheet) or '') ~= ARGV[4] then return 0 end
local last = tonumber(redis.call('GET', '${keys.sequence}' .. sheet) or '0')
redis.call('SET', '${keys.sequence}' .. sheet, math.max(last, tonumber(ARGV[2])))
if tonumber(ARGV[2]) > 0 then redis.call('SET', '${keys.since}' .. sheet, (redis.call('TIME')[1] + 300) * 1000) end
if ARGV[3] ~= sheet then redis.call('SET', '${keys.target}' .. sheet, ARGV[3]) end
if redis.call('ZCARD', '${keys.inFlight}' .. sheet) > 0 then
  nextNumber(sheet)
else
  redis.call('DEL', '${keys.inFlightNumber}' .. sheet)
  leaveWhenDone(sheet)
end
return 1
`;

/** ARGV: spreadsheet. Returns 1 when its batches were numbered before. */
export const knownScript = `return redis.call('EXISTS', '${keys.sequence}' .. ARGV[1])`;

/** ARGV: spreadsheet, how it is parked as JSON. */
export const parkScript = `${evenWhenFull}
return redis.call('HSET', '${keys.parked}', ARGV[1], ARGV[2])
`;
