import * as v from 'valibot';

/** A page of `/_/events`: events of the Broker's log of `npm start`, with the Triggers that take each, still wait for it, or gave it up. */
export const LoggedEvents = v.array(
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
