import * as v from 'valibot';
import { placeOf } from '../../../functions/lib/event/destination.ts';
import { call } from '../client/call.ts';
import { LoggedEvents } from '../client/logged-events.ts';
import type { LoggedRow } from './report.ts';

type LoggedEvent = v.InferOutput<typeof LoggedEvents>[number];

/** A Formbus on this machine. All reject with an Error that says what to do. */
export interface Formbus {
  /** The events of its log after a place in it that become rows, oldest first. */
  rows(after?: number): Promise<LoggedRow[]>;
  /** Delivers the events of these rows to the buffer again, and to no other task. */
  redeliver(rows: LoggedRow[]): Promise<void>;
}

/** Triggers that bring rows to the buffer bear its name, with or without a suffix. */
const brings = (trigger: string) => /^sheets-buffer(-|$)/.test(trigger);

export function openFormbus(url: string): Formbus {
  return {
    async rows(after = 0) {
      const rows: LoggedRow[] = [];
      for (;;) {
        const page: LoggedEvent[] = await call(LoggedEvents, url, `/_/events?after=${after}`);
        const last = page.at(-1);
        if (!last) return rows;
        after = last.seq;
        rows.push(...page.flatMap(rowOf));
      }
    },
    async redeliver(rows) {
      for (const [trigger, same] of Map.groupBy(rows, (row) => row.trigger)) {
        for (let first = 0; first < same.length; first += atOnce) {
          const seqs = same.slice(first, first + atOnce).map(({ seq }) => seq);
          const body = JSON.stringify({ trigger, seqs });
          await call(Queued, url, '/_/events/redeliver', { method: 'POST', body });
        }
      }
    },
  };
}

const Queued = v.object({ queued: v.number() });

/** Events in one request. Formbus takes 10,000. */
const atOnce = 1_000;

function rowOf({ seq, attributes, triggers, waiting, dead }: LoggedEvent): LoggedRow[] {
  const { id, type, time = '', sheet, form } = attributes;
  const trigger = triggers.find(brings);
  if (type === 'form.forgotten' || sheet === undefined || form === undefined || trigger === undefined)
    return [];
  const archive = !triggers.includes('archive')
    ? undefined
    : waiting.includes('archive')
      ? 'waiting'
      : dead.includes('archive')
        ? 'dead'
        : 'delivered';
  const flags = { waiting: waiting.some(brings), dead: dead.some(brings) };
  return [{ seq, trigger, ...placeOrNone({ type, sheet }), id, form, time, ...flags, archive }];
}

/** An event that names no place becomes a dead letter, not a row. */
function placeOrNone(attributes: { type: string; sheet: string }): { spreadsheetId: string; tab: string } {
  try {
    return placeOf(attributes);
  } catch {
    return { spreadsheetId: attributes.sheet, tab: '' };
  }
}
