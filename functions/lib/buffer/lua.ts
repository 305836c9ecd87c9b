import { keys } from './keys.ts';

/*
 * Functions in Lua that several scripts of the buffer share. Those that use a member or a key of `luaKeys` need it before them.
 */

/**
 * The first line of each flush script that writes, so that it runs in a full Redis as well, or the rows that fill it could never
 * leave it. https://redis.io/docs/latest/develop/programmability/lua-api/#script_flags
 */
export const evenWhenFull = '#!lua flags=allow-oom';

/** Numbers the batch in flight, and notes when. */
export const nextNumber = `
local function nextNumber(sheet)
  local sequence = redis.call('INCR', '${keys.sequence}' .. sheet)
  redis.call('SET', '${keys.inFlightNumber}' .. sheet, sequence)
  redis.call('SET', '${keys.numbered}' .. sheet, redis.call('TIME')[1])
  return sequence
end
`;

/** Takes a spreadsheet off the list of those that have something in the buffer when nothing is left. */
export const leaveWhenDone = `
local function leaveWhenDone(sheet)
  local left = redis.call('EXISTS', '${keys.pending}' .. sheet, '${keys.inFlightNumber}' .. sheet, '${keys.erase}' .. sheet, '${keys.parkedTabs}' .. sheet)
  if left == 0 then redis.call('SREM', '${keys.sheets}', sheet) end
end
`;

/** Needs `luaKeys`. Returns the rows of a tab that were put aside to those that wait: 1 if there were any, else 0. */
export const takeFromAside = `
local function takeFromAside(sheet, tab)
  local aside, pending = asideOf(sheet, tab), '${keys.pending}' .. sheet
  if redis.call('EXISTS', aside) == 0 then return 0 end
  redis.call('ZUNIONSTORE', pending, 2, pending, aside, 'AGGREGATE', 'MIN')
  redis.call('DEL', aside)
  return 1
end
`;

/** Whether a tab is parked at a moment, in milliseconds since 1970. */
export const isParkedTab = `
local function isParkedTab(sheet, tab, now)
  local parked = redis.call('HGET', '${keys.parkedTabs}' .. sheet, tab)
  return parked and cjson.decode(parked).retryAt > now
end
`;

/** Whether the submission that a row is about is forgotten; the row's id is the submission's, or begins with it and a slash. */
export const isForgotten = `
local function isForgotten(id)
  return redis.call('HEXISTS', '${keys.forgotten}', id) == 1
    or redis.call('HEXISTS', '${keys.forgotten}', string.match(id, '^([^/]+)/') or id) == 1
end
`;
