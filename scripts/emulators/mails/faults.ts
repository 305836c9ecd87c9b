import * as v from 'valibot';

const times = v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(10_000)), 1);
const ms = v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(600_000)), 1_000);

/** What a client meets in the place of a server that works. */
export const Fault = v.variant('kind', [
  v.strictObject({
    kind: v.literal('refuse'),
    at: v.optional(v.picklist(['connect', 'sender', 'recipient', 'mail']), 'recipient'),
    code: v.pipe(v.number(), v.integer(), v.minValue(400), v.maxValue(599)),
    times,
  }),
  v.strictObject({ kind: v.literal('drop-before'), times }),
  v.strictObject({ kind: v.literal('drop-after'), times }),
  v.strictObject({ kind: v.literal('delay'), ms, times }),
  v.strictObject({ kind: v.literal('away'), ms }),
]);
export type Fault = v.InferOutput<typeof Fault>;

export const faultHelp = {
  refuse:
    'answers code, such as 452, at connect, sender, recipient (the default) or mail; times is how often (1)',
  'drop-before': 'breaks the connection when a mail is there in full, and does not keep it',
  'drop-after': 'keeps the mail, and breaks the connection before it has said so',
  delay: 'keeps the mail, and says so ms later',
  away: 'is not there, from now on and for ms, or until the faults are removed: connections are broken, and new ones as well',
};

/** Where a client is: at one of the places where it can be refused, or with a mail that is there in full. */
type Place = 'connect' | 'sender' | 'recipient' | 'mail';

export interface Faults {
  add(faults: Fault[]): void;
  list(): Fault[];
  /** Also ends what goes on. */
  clear(): void;
  /** The fault that a client meets there, used up by it. */
  take(place: Place): Fault | undefined;
}

/**
 * Faults wait in order; each befalls the first clients that it is for. `away` begins at once.
 * @param goAway comes back after `ms`, or when the signal says so
 */
export function openFaults({
  goAway,
}: {
  goAway: (ms: number, signal: AbortSignal) => Promise<void>;
}): Faults {
  let waiting: Fault[] = [];
  let until = new AbortController();
  const remove = (fault: Fault) => void (waiting = waiting.filter((one) => one !== fault));
  const isAt = (fault: Fault, place: Place) =>
    fault.kind === 'refuse' ? fault.at === place : place === 'mail' && fault.kind !== 'away';
  return {
    add(faults) {
      waiting.push(...faults);
      for (const fault of faults) {
        if (fault.kind === 'away') void goAway(fault.ms, until.signal).finally(() => remove(fault));
      }
    },
    list: () => waiting,
    clear() {
      until.abort();
      until = new AbortController();
      waiting = [];
    },
    take(place) {
      const fault = waiting.find((one) => isAt(one, place));
      waiting = waiting.flatMap((one) => {
        if (one !== fault || one.kind === 'away') return [one];
        return one.times > 1 ? [{ ...one, times: one.times - 1 }] : [];
      });
      return fault;
    },
  };
}
