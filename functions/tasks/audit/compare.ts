import { Unavailable } from 'formbus';
import * as v from 'valibot';
import { isForgotten } from '../../lib/buffer/erasure-scripts.ts';
import type { Log } from '../../lib/runtime/log.ts';
import type { Query } from '../../lib/stores/postgres.ts';
import type { DurableRedis } from '../../lib/stores/redis.ts';
import { SheetsError } from '../../lib/sheets/sheets-error.ts';
import { readStanding, type ReadSheets, type Standing } from '../../lib/sheets/standing.ts';
import { forgottenOf, type Wanted } from './archived.ts';

export const Counts = v.object({ checked: v.number(), lost: v.number(), duplicated: v.number() });
/** Of a form's submissions: how many could be looked for, were nowhere, stood in the sheet more than once. */
export type Counts = v.InferOutput<typeof Counts>;

export interface Collaborators {
  query: Query;
  redis: Pick<DurableRedis, 'run'>;
  sheets: ReadSheets;
  log: Log;
}

/**
 * Looks for submissions in the sheets. One that is not there may be in the buffer, refused by Google (and then kept there) or forgotten; when it is
 * not, both are looked at again, for it may have been on its way between them, and a person may sort a long tab while it is read.
 * What can't be read is not judged.
 * @throws Unavailable when Google, Redis or the database are away
 */
export async function compare(wanted: Wanted, collaborators: Collaborators): Promise<Map<string, Counts>> {
  const { log } = collaborators;
  const found = new Map<string, Counts>();
  for (const [spreadsheetId, tabs] of wanted) {
    const first = await standingIn(spreadsheetId, tabs, collaborators);
    if (!first) continue;
    const suspects = await suspectsOf(spreadsheetId, tabs, [first], collaborators);
    const second = suspects.size > 0 ? await standingIn(spreadsheetId, suspects, collaborators) : first;
    if (!second) continue;
    const looks = [first, second];
    const wrong = await suspectsOf(spreadsheetId, suspects, looks, collaborators);
    for (const [tab, ids] of tabs) {
      if (looks.some(({ unreadable }) => unreadable.has(tab))) {
        log.error({ spreadsheetId, tab }, 'not checked: its hidden column of ids is gone');
        continue;
      }
      for (const form of ids.values()) add(found, form, { checked: 1 });
      for (const [what, isSo] of [
        ['lost', (times: number) => times === 0],
        ['duplicated', (times: number) => times > 1],
      ] as const) {
        const same = [...(wrong.get(tab) ?? [])].filter(([id]) => isSo(timesOf(looks, tab, id)));
        for (const [form, rows] of Map.groupBy(same, ([, one]) => one)) {
          add(found, form, { [what]: rows.length });
          const some = rows.slice(0, idsToTell).map(([id]) => id);
          log.error({ form, spreadsheetId, tab, count: rows.length, ids: some }, what);
        }
      }
    }
  }
  return found;
}

function add(found: Map<string, Counts>, form: string, more: Partial<Counts>) {
  const counts = found.get(form) ?? { checked: 0, lost: 0, duplicated: 0 };
  counts.checked += more.checked ?? 0;
  counts.lost += more.lost ?? 0;
  counts.duplicated += more.duplicated ?? 0;
  found.set(form, counts);
}

const idsToTell = 20;

/** Undefined when the spreadsheet can't be read for good: no permission, deleted. */
async function standingIn(
  spreadsheetId: string,
  tabs: Map<string, Map<string, string>>,
  { sheets, log }: Collaborators,
): Promise<Standing | undefined> {
  try {
    return await readStanding(spreadsheetId, sheets, { wanted: (tab) => tabs.get(tab) });
  } catch (error) {
    if (!(error instanceof SheetsError)) throw error;
    const { status, message } = error;
    if (status === undefined || status >= 500 || status === 429)
      throw new Unavailable(message, { cause: error });
    log.error({ spreadsheetId, reason: message }, 'not checked');
    return undefined;
  }
}

/** Those that do not stand in their tab once; without those that are not there and need not be. */
async function suspectsOf(
  spreadsheetId: string,
  tabs: Map<string, Map<string, string>>,
  looks: Standing[],
  { redis, query }: Collaborators,
): Promise<Map<string, Map<string, string>>> {
  const suspects = new Map<string, Map<string, string>>();
  for (const [tab, ids] of tabs) {
    const others = new Map([...ids].filter(([id]) => timesOf(looks, tab, id) !== 1));
    const absent = [...others.keys()].filter((id) => timesOf(looks, tab, id) === 0);
    for (let first = 0; first < absent.length; first += idsAtOnce) {
      const some = absent.slice(first, first + idsAtOnce);
      const held = v.parse(v.array(v.string()), await redis.run(heldScript, [spreadsheetId, tab, ...some]));
      // A Redis that lost its state knows nothing of the forgotten ones.
      for (const id of [...held, ...(await forgottenOf(query, some))]) others.delete(id);
    }
    if (others.size > 0) suspects.set(tab, others);
  }
  return suspects;
}

/** Few enough that Redis is not held up for long. */
const idsAtOnce = 1_000;

/** Two looks as one: what one of them found is there, and is there twice when both found it twice. */
function timesOf(looks: Standing[], tab: string, id: string): number {
  const times = looks.map(({ counts }) => counts.get(tab)?.get(id) ?? 0);
  return Math.max(...times) > 0 ? Math.max(1, Math.min(...times)) : 0;
}

/** ARGV: spreadsheet, tab, ids. Gives those that wait, are in flight, refused or forgotten; for the keys see lib/buffer/buffer-scripts.ts. */
const heldScript = `
${isForgotten}
local held = {}
for i = 3, #ARGV do
  local member = ARGV[2] .. '\\n' .. ARGV[i]
  if redis.call('HEXISTS', 'buffer:rows:' .. ARGV[1], member) == 1
    or redis.call('HEXISTS', 'buffer:refused:' .. ARGV[1], member) == 1
    or isForgotten(ARGV[i]) then held[#held + 1] = ARGV[i] end
end
return held
`;
