import * as v from 'valibot';
import { call } from '../client/call.ts';
import type { History, PastEvent } from './history.ts';

const Page = v.array(
  v.object({
    seq: v.number(),
    attributes: v.looseObject({
      id: v.string(),
      time: v.optional(v.string(), ''),
      form: v.optional(v.string()),
    }),
    triggers: v.array(v.string()),
    waiting: v.array(v.string()),
  }),
);
const Queued = v.object({ queued: v.number() });

interface LoggedEvent extends PastEvent {
  seq: number;
}

/** The log of a Formbus on this machine: the events that pass the present filter of the task's Trigger. */
export function openLoggedHistory({
  url,
  form,
  trigger,
}: {
  url: string;
  form: string;
  trigger: string;
}): History<LoggedEvent> {
  const forms = new Set<string>();
  return {
    forms,
    async *pages(after, to) {
      for (let place = Number(after); ;) {
        const page = await call(Page, url, `/_/events?after=${place}`);
        const last = page.at(-1);
        if (!last) return;
        place = last.seq;
        for (const { attributes } of page) if (attributes.form !== undefined) forms.add(attributes.form);
        const wanted = page.filter(
          ({ attributes, triggers, waiting }) =>
            attributes.form === form && triggers.includes(trigger) && !waiting.includes(trigger),
        );
        const events = wanted.map(({ seq, attributes: { id, time } }) => ({
          seq,
          id,
          time: Date.parse(time),
        }));
        yield { events, place: String(place) };
        // New submissions keep arriving; a minute allows for events out of order.
        if (Date.parse(last.attributes.time) > to + 60_000) return;
      }
    },
    async deliver(events) {
      const body = JSON.stringify({ trigger, seqs: events.map(({ seq }) => seq) });
      return (await call(Queued, url, '/_/events/redeliver', { method: 'POST', body })).queued;
    },
  };
}
