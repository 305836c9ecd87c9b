/*
 * The Redis keys of the buffer and the form of its members: the only place that knows them, for scripts in Lua and for TypeScript.
 * S is a spreadsheet, T a tab. A member is `T\n<id>`; neither part holds a line feed (CloudEvents 1.0, 3.1: no control characters).
 */

/** A name that ends with a colon is followed by what its comment says. */
export const keys = {
  /** Set of the spreadsheets with rows to send or to take out. */
  sheets: 'buffer:sheets',
  /** + S: sorted set, member by time: rows that wait. */
  pending: 'buffer:pending:',
  /** + S: hash, member → cells as JSON: rows that wait or are in flight. */
  rows: 'buffer:rows:',
  /** + S: sorted set, member by time: the batch in flight, in order. */
  inFlight: 'buffer:frozen:',
  /** + S: sequence number of the batch in flight. */
  inFlightNumber: 'buffer:inflight:',
  /** + S: the last sequence number assigned. */
  sequence: 'buffer:sequence:',
  /** + S: when that was, seconds since 1970. */
  numbered: 'buffer:numbered:',
  /** + S: the number after whose batch old tokens were deleted last. */
  collected: 'buffer:collected:',
  /** + S: the member that was refused alone, once. */
  suspect: 'buffer:suspect:',
  /** + S:D:T, see `seenOf`: set of the ids that came on day D for tab T. */
  seen: 'buffer:seen:',
  /** + S:T: set of the forms whose rows come to tab T. */
  forms: 'buffer:forms:',
  /** + S: hash, member → { cells, reason, at }: rows that Google refused; a mark is written in their place. */
  refused: 'buffer:refused:',
  /** Set of the spreadsheets that ever had such rows. */
  refusing: 'buffer:refusing',
  /** Hash, spreadsheet → { reason, since, tries, retryAt }: spreadsheets that cannot be written now. */
  parked: 'buffer:parked',
  /** + S: hash, tab → the same; gone with the next batch for the tab that is acknowledged. */
  parkedTabs: 'buffer:parked-tabs:',
  /** + S:T, see `asideOf`: sorted set, member by time: rows of a parked tab, so that they block no other tab. */
  aside: 'buffer:aside:',
  /** + S: the spreadsheet that the rows are written to since S is full. */
  target: 'buffer:target:',
  /** Hash, spreadsheet of the pool → the full one that it continues. */
  spares: 'buffer:spares',
  /** + S: set of the tabs that rows were written to in the spreadsheet S. */
  tabs: 'buffer:tabs:',
  /** Distinguishes this Redis, permanently, from any other that writes to the same spreadsheets. */
  installation: 'buffer:installation',
  /** How many rows came again. */
  duplicates: 'buffer:duplicates',
  /** + S: when S was found to have rows that this Redis does not know, milliseconds since 1970; five minutes more, because clocks differ. */
  since: 'buffer:since:',
  /** + S: the process that may write to the spreadsheet now. */
  lease: 'buffer:lease:',
  /** Hash, submission's id → when, seconds since 1970: forgotten, and never accepted again. */
  forgotten: 'buffer:forgotten',
  /** + S: set of forgotten submissions whose rows are still to be taken out of the spreadsheet. */
  erase: 'buffer:erase:',
} as const;

export interface Place {
  tab: string;
  id: string;
}

export function memberOf({ tab, id }: Place): string {
  return `${tab}\n${id}`;
}

export function placeIn(member: string): Place {
  const end = member.indexOf('\n');
  return { tab: member.slice(0, end), id: member.slice(end + 1) };
}

/** The same in Lua, to be put at the head of a script. */
export const luaKeys = String.raw`
local function memberOf(tab, id) return tab .. '\n' .. id end
local function tabOf(member) return string.match(member, '^[^\n]*') end
local function seenOf(sheet, day, tab) return '${keys.seen}' .. sheet .. ':' .. day .. ':' .. tab end
local function asideOf(sheet, tab) return '${keys.aside}' .. sheet .. ':' .. tab end
`;
