import { createHash } from 'node:crypto';

/** Services that are killed and frozen; each has one instance or more while the campaign runs. */
const services = ['demo-form', 'student-data-form', 'sheets-buffer', 'sheets-flush', 'demo-task'];

/** Ways in which Google misbehaves without losing anything by itself. */
const sheetFaults = ['fail-before', 'drop-before', 'fail-after', 'drop-after', 'delay', 'twice', 'quota'];

/** What is done at a moment of the campaign. `at` and `ms` are milliseconds, `at` from its beginning. */
export type Step =
  | { at: number; do: 'kill' | 'freeze'; what: string; ms: number }
  | { at: number; do: 'sheets'; what: string; ms: number }
  | { at: number; do: 'flush twice'; what: 'sheets-flush'; ms: number };

/** Mean distance of two steps, in milliseconds. */
const paceMs = 2_500;

/**
 * The plan of a campaign: the same for the same seed and length. Every process is killed and frozen in turn, Google misbehaves,
 * two flushes run at once. The last steps are over before the end.
 */
export function makePlan({ seed, lengthMs }: { seed: number; lengthMs: number }): Step[] {
  const random = seeded(seed);
  const pick = <T>(list: T[]): T => {
    const found = list[Math.floor(random() * list.length)];
    if (found === undefined) throw new RangeError('nothing to pick from');
    return found;
  };
  const kinds: (() => Omit<Step, 'at'>)[] = [
    () => ({ do: 'kill', what: pick(services), ms: 0 }),
    () => ({ do: 'kill', what: pick(services), ms: 0 }),
    () => ({ do: 'freeze', what: pick(services), ms: 1_000 + random() * 7_000 }),
    () => ({ do: 'kill', what: 'redis', ms: 0 }),
    () => ({ do: 'freeze', what: 'redis', ms: 1_000 + random() * 7_000 }),
    () => ({ do: 'kill', what: 'runner', ms: 0 }),
    () => ({ do: 'freeze', what: 'runner', ms: 500 + random() * 4_000 }),
    () => ({ do: 'flush twice', what: 'sheets-flush', ms: 0 }),
    () => ({ do: 'sheets', what: pick(sheetFaults), ms: random() * 5_000 }),
    () => ({ do: 'sheets', what: pick(sheetFaults), ms: random() * 5_000 }),
    () => ({ do: 'sheets', what: pick(sheetFaults), ms: random() * 5_000 }),
  ];
  const steps: Step[] = [];
  for (let at = paceMs; at < lengthMs - 2 * paceMs; at += paceMs * (0.5 + random())) {
    steps.push(stepAt(Math.round(at), pick(kinds)()));
  }
  return steps;
}

function stepAt(at: number, step: Omit<Step, 'at'>): Step {
  const ms = Math.round(step.ms);
  if (step.do === 'flush twice') return { at, do: step.do, what: 'sheets-flush', ms };
  return { at, do: step.do, what: step.what, ms };
}

/** Numbers from 0 to 1, the same for the same seed. */
function seeded(seed: number): () => number {
  let count = 0;
  return () => {
    count += 1;
    return createHash('sha256').update(`${seed} ${count}`).digest().readUInt32BE() / 2 ** 32;
  };
}
