import { Unavailable } from 'formbus';
import * as v from 'valibot';
import { readHeld } from '../../lib/buffer/held.ts';
import type { Log } from '../../lib/runtime/log.ts';
import type { Query } from '../../lib/stores/postgres.ts';
import type { DurableRedis } from '../../lib/stores/redis.ts';
import { SheetsError } from '../../lib/sheets/sheets-error.ts';
import { readStanding, type ReadSheets, type Standing } from '../../lib/sheets/standing.ts';
import { timesSeen, whereIs } from '../../lib/whereabouts/whereabouts.ts';
import { forgottenOf, type Wanted } from './archived.ts';

export const Counts = v.object({ checked: v.number(), lost: v.number(), duplicated: v.number() });
/** Of a form's submissions, how many could be checked, were nowhere, stood in the sheet more than once. */
export type Counts = v.InferOutput<typeof Counts>;

export interface Collaborators {
  query: Query;
  redis: Pick<DurableRedis, 'run'>;
  sheets: ReadSheets;
  log: Log;
}

/**
 * Looks for submissions in the sheets. A submission that is not there may be in the buffer, kept there because Google refused it, or forgotten.
 * If it is none of these, sheet and buffer are read again, because its row may have moved between the two reads, and a person may sort a long
 * tab while it is read. What cannot be read is not judged.
 * @throws Unavailable when Google, Redis or the database cannot be reached
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

/** Undefined when the spreadsheet cannot be read permanently: no permission, deleted. */
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

/** Ids that do not stand in their tab once; without the absent ones that need not stand there. */
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
      const held = await readHeld(redis, { spreadsheetId, tab }, some);
      // A Redis that lost its state does not know what is forgotten.
      for (const id of await forgottenOf(query, some)) held.set(id, 'forgotten');
      for (const id of some)
        if (whereIs({ times: 0, held: held.get(id), isReadable: true }) !== 'lost') others.delete(id);
    }
    if (others.size > 0) suspects.set(tab, others);
  }
  return suspects;
}

/** Few enough that Redis is not held up for long. */
const idsAtOnce = 1_000;

function timesOf(looks: Standing[], tab: string, id: string): number {
  return timesSeen(looks.map(({ counts }) => counts.get(tab)?.get(id) ?? 0));
}
