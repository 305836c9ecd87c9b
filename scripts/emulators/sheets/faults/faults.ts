import * as v from 'valibot';

const target = {
  /** Only for calls about this spreadsheet. */
  spreadsheet: v.optional(v.string()),
  /** `write`: batchUpdate; `read`: all others. */
  calls: v.optional(v.picklist(['write', 'read']), 'write'),
  /** How many calls it befalls. */
  times: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(10_000)), 1),
};
const delayMs = v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(600_000)), 1_000);

/** What a call meets in the place of a Google that works. Applied = as if nothing were wrong; what differs is what the caller hears. */
export const Fault = v.variant('kind', [
  v.strictObject({ kind: v.literal('fail-before'), ...target }),
  v.strictObject({ kind: v.literal('drop-before'), ...target }),
  v.strictObject({ kind: v.literal('fail-after'), ...target }),
  v.strictObject({ kind: v.literal('drop-after'), ...target }),
  v.strictObject({ kind: v.literal('delay'), ...target, delayMs }),
  v.strictObject({ kind: v.literal('twice'), ...target, delayMs }),
  v.strictObject({ kind: v.literal('quota'), ...target }),
  v.strictObject({ kind: v.literal('proxy-before'), ...target }),
  v.strictObject({ kind: v.literal('proxy-after'), ...target }),
  v.strictObject({ kind: v.literal('refuse'), ...target }),
  v.strictObject({ kind: v.literal('too-large'), ...target }),
  v.strictObject({
    kind: v.literal('edit'),
    ...target,
    requests: v.array(v.record(v.string(), v.unknown())),
  }),
]);
export type Fault = v.InferOutput<typeof Fault>;

export const faultHelp = {
  'fail-before': 'answers 503, nothing is applied',
  'drop-before': 'breaks the connection, nothing is applied',
  'fail-after': 'is applied, then answers 503',
  'drop-after': 'is applied, then breaks the connection',
  delay: 'is applied and answered delayMs later, whether or not the caller still waits',
  twice: 'is applied and answered, and comes again delayMs later, as a network may deliver it',
  quota: 'answers 429, nothing is applied',
  'proxy-before': 'answers 200 with a page, as a proxy in between does, nothing is applied',
  'proxy-after': 'is applied, then a proxy answers 200 with a page',
  refuse: 'answers 400 for no reason, nothing is applied',
  'too-large': 'answers 413 with a page, nothing is applied',
  edit: "requests (a batchUpdate's) are applied first, as by a person in between",
};

export interface Faults {
  add(faults: Fault[]): void;
  list(): Fault[];
  clear(): void;
  /** The fault that a call meets, used up by it. */
  take(call: { isWrite: boolean; spreadsheet: string | undefined }): Fault | undefined;
}

/** Faults wait in order; each befalls the first calls that it is for. */
export function openFaults(): Faults {
  let waiting: Fault[] = [];
  return {
    add: (faults) => void waiting.push(...faults),
    list: () => waiting,
    clear: () => void (waiting = []),
    take({ isWrite, spreadsheet }) {
      const fault = waiting.find(
        (one) =>
          (one.calls === 'write') === isWrite &&
          (one.spreadsheet === undefined || one.spreadsheet === spreadsheet),
      );
      if (!fault) return undefined;
      waiting = waiting.flatMap((one) => {
        if (one !== fault) return [one];
        return one.times > 1 ? [{ ...one, times: one.times - 1 }] : [];
      });
      return fault;
    },
  };
}
