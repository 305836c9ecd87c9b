import { definitions, longestLabel, type MetricDefinition, type Push } from './metric-definitions.ts';
import { openPusher, type PusherOptions } from './metrics-pusher.ts';

type Definitions = typeof definitions;
type NameOf<Kind> = {
  [Name in keyof Definitions]: Definitions[Name]['kind'] extends Kind ? Name : never;
}[keyof Definitions];
/** Values of the labels, in the order of the definition. */
type Values<Name extends keyof Definitions> = Texts<Definitions[Name]['labels']>;
type Texts<Labels extends readonly string[]> = { -readonly [Index in keyof Labels]: string };

interface Series {
  /** Returns what was counted since the last call; undefined for nothing. */
  take(): Push['series'][number] | undefined;
}

/** More than all spreadsheets, forms and reasons. Beyond it, further values of a label share one series. */
const mostSeries = 5_000;

/**
 * What one process counts, and only while it is pushed. An increment takes a few nanoseconds. Finding a series by its labels takes
 * longer: code that counts each request should find it once.
 */
export function openMetrics() {
  const all = new Map<string, Series>();
  let changed: (() => void) | undefined;

  /** Creates each series at its first use. */
  function kept<S extends Series>(make: (name: keyof Definitions, labels: string[]) => S) {
    const known = new Map<string, S>();
    return function find(name: keyof Definitions, labels: string[]): S {
      const key = labels.length === 0 ? name : `${name}\n${labels.join('\n')}`;
      const found = known.get(key);
      if (found) return found;
      const rest = labels.map(() => 'other');
      if (all.size >= mostSeries && labels.join() !== rest.join()) return find(name, rest);
      const series = make(
        name,
        labels.map((label) => label.slice(0, longestLabel)),
      );
      known.set(key, series);
      all.set(key, series);
      return series;
    };
  }

  const counters = kept((name, labels) => {
    let value = 0;
    return {
      add(count = 1) {
        if (!changed) return;
        value += count;
        changed();
      },
      take() {
        if (value === 0) return undefined;
        const taken = { name, labels, value };
        value = 0;
        return taken;
      },
    };
  });

  const gauges = kept((name, labels) => {
    let latest: number | undefined;
    return {
      set(value: number) {
        if (!changed) return;
        latest = value;
        changed();
      },
      take() {
        if (latest === undefined) return undefined;
        const taken = { name, labels, value: latest };
        latest = undefined;
        return taken;
      },
    };
  });

  const histograms = kept((name, labels) => {
    const { buckets: bounds = [] }: MetricDefinition = definitions[name];
    const zeros = () => Array.from({ length: bounds.length + 1 }, () => 0);
    let counts: number[] | undefined;
    let sum = 0;
    return {
      observe(value: number) {
        if (!changed) return;
        counts ??= zeros();
        let index = 0;
        while (index < bounds.length && value > (bounds[index] ?? 0)) index += 1;
        counts[index] = (counts[index] ?? 0) + 1;
        sum += value;
        changed();
      },
      take() {
        if (!counts) return undefined;
        const taken = { name, labels, counts, sum };
        counts = undefined;
        sum = 0;
        return taken;
      },
    };
  });

  return {
    counter<Name extends NameOf<'counter'>>(
      name: Name,
      ...labels: Values<Name>
    ): { add(count?: number): void } {
      return counters(name, labels);
    },
    gauge<Name extends NameOf<'gauge'>>(name: Name, ...labels: Values<Name>): { set(value: number): void } {
      return gauges(name, labels);
    },
    histogram<Name extends NameOf<'histogram'>>(
      name: Name,
      ...labels: Values<Name>
    ): { observe(value: number): void } {
      return histograms(name, labels);
    },
    /** Starts to count and to push. `close` pushes the rest and ends both. */
    startPushing(options: Omit<PusherOptions, 'take'>): { close(): Promise<void> } {
      const take = () => [...all.values()].flatMap((series) => series.take() ?? []);
      const pusher = openPusher({ ...options, take });
      changed = pusher.wake;
      return {
        async close() {
          changed = undefined;
          await pusher.close();
        },
      };
    },
  };
}

/** One registry for all code of a process, which is one function. */
export const { counter, gauge, histogram, startPushing } = openMetrics();
