import * as v from 'valibot';
import { placeOf } from '../../lib/event/destination.ts';
import { codeOf, unavailable, undefinedTable, type Query } from '../../lib/stores/postgres.ts';

/** The rows that must stand in the sheets: by spreadsheet, tab and id, with the form of each. */
export type Wanted = Map<string, Map<string, Map<string, string>>>;

/** The last submission that was read: form, time of receipt, id. */
export const Position = v.tuple([v.string(), v.string(), v.string()]);
export type Position = v.InferOutput<typeof Position>;
export const beginning: Position = ['', '1970-01-01', ''];

const Row = v.object({
  form: v.string(),
  received: v.string(),
  id: v.string(),
  type: v.string(),
  sheet: v.string(),
  isForgotten: v.boolean(),
});
const Rows = v.array(Row);

export interface Window {
  /** Times of receipt; `until` is excluded. */
  since: string;
  until: string;
}

const rowsAtOnce = 5_000;

/**
 * Reads from a position, form by form, up to the limits: `next` is where to continue, undefined after the last submission. Forgotten
 * submissions are left out.
 * @param limits.ids how many to hold in memory, at about 150 bytes each
 * @param limits.places how many tabs to look into for them
 * @throws Unavailable
 */
export async function readArchived(
  query: Query,
  { since, until }: Window,
  position: Position,
  limits: { ids: number; places: number },
): Promise<{ wanted: Wanted; next: Position | undefined }> {
  const wanted: Wanted = new Map();
  const forms = new Map<string, string>();
  let [ids, places] = [0, 0];
  for (let after = position; ;) {
    const rows = await page(query, [since, until, ...after, rowsAtOnce]);
    for (const { form, received, id, type, sheet, isForgotten } of rows) {
      const place = isForgotten ? undefined : placeOrNone({ type, sheet });
      if (place) {
        const tabs = wanted.get(place.spreadsheetId) ?? new Map<string, Map<string, string>>();
        const isNew = !tabs.has(place.tab);
        if ((isNew && places >= limits.places) || ids >= limits.ids) return { wanted, next: after };
        const tab = tabs.get(place.tab) ?? new Map<string, string>();
        // All rows of a form share one text, so that they share its memory.
        if (!forms.has(form)) forms.set(form, form);
        wanted.set(place.spreadsheetId, tabs.set(place.tab, tab.set(id, forms.get(form) ?? form)));
        ids += 1;
        places += Number(isNew);
      }
      after = [form, received, id];
    }
    if (rows.length < rowsAtOnce) {
      const form = await formAfter(query, after[0]);
      if (form === undefined) return { wanted, next: undefined };
      // Not the beginning of time: the server would read the form's older rows, too.
      after = [form, since, ''];
    }
  }
}

/** One form, so that the index has the page's rows side by side: a page takes the same time however many rows there are. */
const statement = `
  SELECT form, received_at::text AS received, id, type, sheet, data IS NULL AS "isForgotten" FROM submissions
  WHERE form = $3 AND received_at >= $1::timestamptz AND received_at < $2::timestamptz
    AND (received_at, id) > ($4::timestamptz, $5::text)
  ORDER BY received_at, id LIMIT $6`;

/** Returns nothing before the first submission, which makes the table. */
async function page(query: Query, values: unknown[]): Promise<v.InferOutput<typeof Rows>> {
  return v.parse(Rows, await rowsOf(query, statement, values));
}

const Form = v.array(v.object({ form: v.nullable(v.string()) }));

async function formAfter(query: Query, form: string): Promise<string | undefined> {
  const rows = await rowsOf(query, 'SELECT min(form) AS form FROM submissions WHERE form > $1', [form]);
  return v.parse(Form, rows)[0]?.form ?? undefined;
}

/** Which of the ids were forgotten since they were read. @throws Unavailable */
export async function forgottenOf(query: Query, ids: string[]): Promise<Set<string>> {
  const text = 'SELECT id FROM submissions WHERE id = ANY($1) AND data IS NULL';
  const rows = await rowsOf(query, text, [ids]);
  return new Set(v.parse(v.array(v.object({ id: v.string() })), rows).map(({ id }) => id));
}

async function rowsOf(query: Query, text: string, values: unknown[]): Promise<unknown[]> {
  try {
    return (await query(text, values)).rows;
  } catch (error) {
    if (codeOf(error) === undefinedTable) return [];
    throw unavailable(error);
  }
}

/** An event that names no place became a dead letter, not a row. */
function placeOrNone(event: { type: string; sheet: string }) {
  try {
    return placeOf(event);
  } catch {
    return undefined;
  }
}
