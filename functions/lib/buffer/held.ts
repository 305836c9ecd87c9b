import * as v from 'valibot';
import type { DurableRedis } from '../stores/redis.ts';
import { keys, luaKeys } from './keys.ts';
import { isForgotten } from './lua.ts';

/** Why an id need not be in the sheet (yet). */
export type Held = v.InferOutput<typeof Held>;
const Held = v.picklist(['buffered', 'in flight', 'refused', 'forgotten']);

/** Which of the ids the buffer holds, and how. @throws Unavailable */
export async function readHeld(
  redis: Pick<DurableRedis, 'run'>,
  { spreadsheetId, tab }: { spreadsheetId: string; tab: string },
  ids: string[],
): Promise<Map<string, Held>> {
  const found = v.parse(Answer, await redis.run(heldScript, [spreadsheetId, tab, ...ids]));
  return new Map(found);
}

const Answer = v.array(v.tuple([v.string(), Held]));

/** ARGV: spreadsheet, tab, ids. Returns pairs of an id and how it is held; the other ids are left out. */
const heldScript = `
${luaKeys}
${isForgotten}
local sheet, held = ARGV[1], {}
for i = 3, #ARGV do
  local id, state = ARGV[i], nil
  local member = memberOf(ARGV[2], id)
  if isForgotten(id) then state = 'forgotten'
  elseif redis.call('HEXISTS', '${keys.refused}' .. sheet, member) == 1 then state = 'refused'
  elseif redis.call('HEXISTS', '${keys.rows}' .. sheet, member) == 1 then
    state = redis.call('ZSCORE', '${keys.inFlight}' .. sheet, member) and 'in flight' or 'buffered'
  end
  if state then held[#held + 1] = { id, state } end
end
return held
`;
