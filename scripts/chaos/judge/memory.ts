import type { Resident } from '../faults/victims.ts';

/** The memory of the longest-lived process of a name, over time. */
export interface Trend {
  /** The medians, in MB, of the second and of the last quarter of its life; the first quarter warms up. */
  early: number;
  late: number;
  /** The peak of all processes of the name, in MB. */
  peak: number;
  /** How long it lived, in seconds. */
  seconds: number;
  /** Undefined when it did not live long enough. */
  isFlat: boolean | undefined;
}

export interface Memory {
  /** @param at milliseconds from the beginning; @param accepted submissions that were accepted up to now */
  note(at: number, residents: Resident[], accepted: number): void;
  trends(): Record<string, Trend>;
}

interface Sample {
  at: number;
  mb: number;
  accepted: number;
}

/** V8 needs a minute or more under load to settle on a heap size. */
const longEnoughMs = 120_000;
/** Medians differ by this much without a leak, because each process decides when it collects garbage. */
const noiseShare = 0.15;
const noiseMb = 12;
/** A leak grows equally in each quarter, so half of it comes after the third. A heap that has grown in a step does not grow again. */
const lastShare = 0.25;
/** Redis remembers the ids of each submission and its analysis, 72 bytes each, for SEEN_DAYS. */
const bytesToRemember: Record<string, number> = { redis: 100 };

/**
 * Collects the memory of processes. A process is flat when its last quarter exceeds its second one by no more than noise, 15 % and 12 MB,
 * or when almost all of that came before the third quarter. This finds a leak of 2 kB a submission or more in eight minutes at 100 a
 * second.
 */
export function openMemory(): Memory {
  const lives = new Map<string, Map<number, Sample[]>>();
  return {
    note(at, residents, accepted) {
      for (const { name, pid, mb } of residents) {
        const processes = lives.get(name) ?? new Map<number, Sample[]>();
        const samples = processes.get(pid) ?? [];
        samples.push({ at, mb, accepted });
        lives.set(name, processes.set(pid, samples));
      }
    },
    trends: () =>
      Object.fromEntries(
        [...lives].map(([name, processes]) => [name, trendOf(name, [...processes.values()])]),
      ),
  };
}

function trendOf(name: string, lives: Sample[][]): Trend {
  const longest = lives.toSorted((a, b) => lifeOf(b) - lifeOf(a))[0] ?? [];
  const quarter = (n: number) =>
    longest.slice(Math.floor((longest.length * (n - 1)) / 4), Math.ceil((longest.length * n) / 4));
  const [second, third, last] = [quarter(2), quarter(3), quarter(4)];
  const medianOf = (samples: Sample[], key: keyof Sample) =>
    samples.map((sample) => sample[key]).toSorted((a, b) => a - b)[Math.floor(samples.length / 2)] ?? 0;
  const [early, late] = [medianOf(second, 'mb'), medianOf(last, 'mb')];
  const submissions = medianOf(last, 'accepted') - medianOf(second, 'accepted');
  const due = (submissions * (bytesToRemember[name] ?? 0)) / 1_048_576;
  const isNoise = late <= early * (1 + noiseShare) + noiseMb + due;
  const isOver = late - medianOf(third, 'mb') <= (late - early) * lastShare;
  return {
    early,
    late,
    peak: Math.max(...lives.flat().map(({ mb }) => mb)),
    seconds: Math.round(lifeOf(longest) / 1_000),
    isFlat: lifeOf(longest) < longEnoughMs ? undefined : isNoise || isOver,
  };
}

function lifeOf(samples: Sample[]): number {
  return (samples.at(-1)?.at ?? 0) - (samples[0]?.at ?? 0);
}
