import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';

/** A fault of the campaign. `at` (from the start) and `ms` are milliseconds; `which` (0 to 1) picks one of several instances. */
export interface Step {
  at: number;
  do:
    | 'kill'
    | 'freeze'
    | 'cut off'
    | 'restart'
    | 'rolling restart'
    | 'fill'
    | 'sheets'
    | 'edit'
    | 'revoke'
    | 'protect'
    | 'crowd'
    | 'flush twice';
  what: string;
  ms: number;
  which: number;
}

type Kind = [what: Step['do'], which: string, shortest?: number, longest?: number];

/** Ways in which Google fails without losing data itself. */
const sheetFaults = [
  'fail-before',
  'drop-before',
  'fail-after',
  'drop-after',
  'quota',
  'proxy-before',
  'proxy-after',
  'refuse',
  'too-large',
];
const edits = ['insert column', 'move column', 'move heading', 'copy tab'];
const slowSheetFaults = ['delay', 'twice'];

/** Some freezes are shorter than the time-outs of publishing (4.5 s) and of Redis commands (5 s), some longer. */
const usual = (processes: string[]): Kind[] => [
  ...processes.map((name): Kind => ['kill', name]),
  ...processes.map((name): Kind => ['freeze', name, 1_000, 8_000]),
  ...sheetFaults.map((name): Kind => ['sheets', name]),
  ...slowSheetFaults.map((name): Kind => ['sheets', name, 0, 5_000]),
  ['fill', 'disk', 2_000, 6_000],
  ...edits.map((name): Kind => ['edit', name]),
  ['protect', 'demo-form', 5_000, 10_000],
  ['crowd', 'tokens'],
  ['flush twice', 'sheets-flush'],
  ['flush twice', 'sheets-flush'],
];

/** A master stays away until it is replaced, and then for this long. The others stay away for shorter and longer than the Sentinels' time-out. */
const ofSentinels: Kind[] = [
  ['kill', 'redis-master', 0, 5_000],
  ['freeze', 'redis-master', 0, 5_000],
  ['cut off', 'redis-master', 0, 5_000],
  ['restart', 'redis-master'],
  ['kill', 'redis-replica', 0, 8_000],
  ['freeze', 'redis-replica', 1_000, 8_000],
  ['kill', 'sentinel', 0, 8_000],
];
const ofOneRedis: Kind[] = [
  ['kill', 'redis'],
  ['freeze', 'redis', 1_000, 8_000],
  ['restart', 'redis'],
];

/** In long campaigns, one of these in each round. They outlast a form's 30 s, a Trigger's and the lease's 60 s, and a parking. */
const slow: Kind[] = [
  ['freeze', 'demo-form', 35_000, 35_000],
  ['freeze', 'sheets-buffer', 65_000, 65_000],
  ['freeze', 'sheets-flush', 65_000, 65_000],
  ['revoke', 'spreadsheet', 5_000, 20_000],
];
/** Restarts each pod as its manifest says, one after the other, in some three minutes. */
const slowOfSentinels: Kind[] = [['rolling restart', 'redis-pods']];
const enoughForSlowMs = 120_000;

/** In long campaigns no process is killed in the last part, because a memory trend needs processes that live. */
const enoughForLivesMs = 240_000;
const livesFrom = 0.55;
/** A full disk belongs here: a Redis that cannot write its log exits. */
const ends = (act: Step['do']) => ['kill', 'restart', 'rolling restart', 'fill'].includes(act);

/** The mean time between two steps, in milliseconds. */
const paceMs = 2_500;

/**
 * The plan of a campaign: the same for the same seed, length and processes. Each round has every kind of fault once, in random order, so
 * that a campaign of three minutes has them all. All faults end before the campaign does.
 */
export function makePlan({
  seed,
  lengthMs,
  kafka = false,
  sentinel = false,
  services = serviceNames(),
}: {
  seed: number;
  lengthMs: number;
  kafka?: boolean;
  /** Redis is three servers under Sentinel. */
  sentinel?: boolean;
  services?: string[];
}): Step[] {
  const random = seeded(seed);
  const processes = [...services, 'postgres', 'runner', ...(kafka ? ['kafka'] : [])];
  const kinds = [...usual(processes), ...(sentinel ? ofSentinels : ofOneRedis)];
  const livesFromMs = lengthMs >= enoughForLivesMs ? lengthMs * livesFrom : Infinity;
  const slowKinds = [...slow, ...(sentinel ? slowOfSentinels : [])];
  const round: Kind[] = [];
  const slowRound: Kind[] = [];
  const steps: Step[] = [];
  for (let at = paceMs; at < lengthMs - 2 * paceMs; at += Math.round(paceMs * (0.5 + random()))) {
    if (round.length === 0) {
      round.push(...kinds);
      if (slowRound.length === 0 && lengthMs >= enoughForSlowMs) slowRound.push(...slowKinds);
      round.push(...draw(slowRound, random));
    }
    for (const [act, what, shortest = 0, longest = shortest] of draw(round, random)) {
      const ms = Math.round(Math.min(shortest + random() * (longest - shortest), lengthMs - paceMs - at));
      const step = { at, do: act, what, ms, which: random() };
      if (at < livesFromMs || !ends(act)) steps.push(step);
    }
  }
  return steps;
}

/** The names of all forms and tasks. */
export function serviceNames(): string[] {
  const folders = ['forms', 'tasks'].map((kind) => join(import.meta.dirname, '../../knative', kind));
  return folders.flatMap((folder) =>
    readdirSync(folder)
      .toSorted()
      .map((file) => basename(file, '.yaml')),
  );
}

/** Removes a random element of a list; empty when the list is. */
function draw<T>(list: T[], random: () => number): T[] {
  return list.splice(Math.floor(random() * list.length), 1);
}

/** Random numbers from 0 to 1, the same for the same seed. */
function seeded(seed: number): () => number {
  let count = 0;
  return () => {
    count += 1;
    return createHash('sha256').update(`${seed} ${count}`).digest().readUInt32BE() / 2 ** 32;
  };
}
