import * as v from 'valibot';
import { placeOf } from '../../functions/lib/place.ts';
import type { LoggedRow } from './reconcile.ts';

const Events = v.array(
  v.object({
    seq: v.number(),
    attributes: v.looseObject({
      id: v.string(),
      type: v.string(),
      time: v.optional(v.string()),
      sheet: v.optional(v.string()),
      form: v.optional(v.string()),
    }),
    triggers: v.array(v.string()),
    waiting: v.array(v.string()),
    dead: v.array(v.string()),
  }),
);
type Event = v.InferOutput<typeof Events>[number];
const Connections = v.object({ redis: v.string(), sheets: v.nullable(v.string()) });

/** A Formbus that runs on this machine. */
export interface Formbus {
  /** Where its Redis is, and the root URL of its Sheets API; null for Google's own. */
  connections: v.InferOutput<typeof Connections>;
  /** What its log has after a place in it and is to become a row, oldest first. */
  rows(after?: number): Promise<LoggedRow[]>;
  /** Delivers the events of these rows to the buffer again, and to no other task. */
  redeliver(rows: LoggedRow[]): Promise<void>;
}

/** Triggers that bring rows to the buffer bear its name, with or without a suffix. */
const brings = (trigger: string) => /^sheets-buffer(-|$)/.test(trigger);

/** @throws Error that says what to do when Formbus does not answer at `url` */
export async function openFormbus(url: string): Promise<Formbus> {
  const call = async <S extends v.GenericSchema>(schema: S, path: string, init?: RequestInit) =>
    v.parse(schema, await request(url, path, init));
  return {
    connections: await call(Connections, '/_/connections'),
    async rows(after = 0) {
      const rows: LoggedRow[] = [];
      for (;;) {
        const page: Event[] = await call(Events, `/_/events?after=${after}`);
        const last = page.at(-1);
        if (!last) return rows;
        after = last.seq;
        rows.push(...page.flatMap(rowOf));
      }
    },
    async redeliver(rows) {
      for (const [trigger, same] of Map.groupBy(rows, (row) => row.trigger)) {
        const body = JSON.stringify({ trigger, seqs: same.map(({ seq }) => seq) });
        await call(Queued, '/_/events/redeliver', { method: 'POST', body });
      }
    },
  };
}

const Queued = v.object({ queued: v.number() });

function rowOf({ seq, attributes, triggers, waiting, dead }: Event): LoggedRow[] {
  const { id, type, time = '', sheet, form } = attributes;
  const trigger = triggers.find(brings);
  if (sheet === undefined || form === undefined || trigger === undefined) return [];
  const flags = { waiting: waiting.some(brings), dead: dead.some(brings) };
  return [{ seq, trigger, ...placeOrNone({ type, sheet }), id, form, time, ...flags }];
}

/** What names no place becomes a dead letter, and no row. */
function placeOrNone(attributes: { type: string; sheet: string }): { spreadsheetId: string; tab: string } {
  try {
    return placeOf(attributes);
  } catch {
    return { spreadsheetId: attributes.sheet, tab: '' };
  }
}

async function request(url: string, path: string, init?: RequestInit): Promise<unknown> {
  const answer = await fetch(url + path, init).catch((cause: unknown) => {
    throw new Error(
      `Formbus does not answer at ${url}; start it with npm start, or say where it is with --url`,
      { cause },
    );
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${url}${path} answered ${answer.status}; is that Formbus? ${text}`);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error(`${url}${path} answered no JSON; is that Formbus?`, { cause });
  }
}
