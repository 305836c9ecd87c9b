import { definitions, type MetricDefinition, type Push } from '../../lib/metrics/metric-definitions.ts';

/** A metric with its values, as prom-client has it in JSON. */
export interface Metric {
  name: string;
  help: string;
  type: MetricDefinition['kind'];
  aggregator: 'first';
  values: { metricName?: string; labels: Record<string, string | number>; value: number }[];
}

export interface Totals {
  /** False when it was added before. What is not defined here, as during an upgrade, is passed over. */
  add(push: Push): boolean;
  /**
   * A counter is 0 in the first answer that has it: for Prometheus it begins at what is met first, so that the very first dead letter or
   * 503 would be no increase.
   */
  read(): Metric[];
}

/** A push is repeated for as long as its process lives and nobody takes it; an answer that was lost is not lost for an hour. */
const memoryMs = 3_600_000;

/** Adds up what all processes push. Each process has one number of its last push in memory, until it was silent for an hour. */
export function openTotals({ now = Date.now }: { now?: () => number } = {}): Totals {
  const metrics = new Map<string, { definition: MetricDefinition; series: Map<string, Total> }>(
    Object.entries(definitions).map(([name, definition]) => [name, { definition, series: new Map() }]),
  );
  const shown = new WeakSet<Total>();
  /** By process, the one that has been silent the longest first. */
  const processes = new Map<string, { sequence: number; at: number }>();

  function isNew({ process, sequence }: Push): boolean {
    for (const [old, { at }] of processes) {
      if (at > now() - memoryMs) break;
      processes.delete(old);
    }
    const last = processes.get(process)?.sequence ?? 0;
    processes.delete(process);
    processes.set(process, { sequence: Math.max(last, sequence), at: now() });
    return sequence > last;
  }

  return {
    add(push) {
      if (!isNew(push)) return false;
      for (const { name, labels, ...increment } of push.series) {
        const metric = metrics.get(name);
        if (metric?.definition.labels.length !== labels.length) continue;
        const key = JSON.stringify([push.service, ...labels]);
        const total = metric.series.get(key) ?? newTotal(metric.definition, [push.service, ...labels]);
        if (total.take(increment)) metric.series.set(key, total);
      }
      return true;
    },
    read: () =>
      [...metrics].map(([name, { definition, series }]) => {
        const { kind: type, help } = definition;
        const values = [...series.values()].flatMap((total) => {
          const isFirst = type !== 'gauge' && !shown.has(total);
          shown.add(total);
          return total.read(name).map((one) => (isFirst ? { ...one, value: 0 } : one));
        });
        return { name, help, type, aggregator: 'first', values };
      }),
  };
}

type Increment = { value: number } | { counts: number[]; sum: number };

interface Total {
  /** False when it is not what the definition says. */
  take(increment: Increment): boolean;
  read(name: string): Metric['values'];
}

function newTotal({ kind, labels: names, buckets = [] }: MetricDefinition, texts: string[]): Total {
  const labels = Object.fromEntries(['service', ...names].map((name, index) => [name, texts[index] ?? '']));
  if (kind !== 'histogram') {
    let value = 0;
    return {
      take(increment) {
        if (!('value' in increment)) return false;
        value = kind === 'gauge' ? increment.value : value + increment.value;
        return true;
      },
      read: () => [{ labels, value }],
    };
  }
  const counts = [...buckets, Infinity].map(() => 0);
  let sum = 0;
  return {
    take(increment) {
      if (!('counts' in increment) || increment.counts.length !== counts.length) return false;
      increment.counts.forEach((count, index) => (counts[index] = (counts[index] ?? 0) + count));
      sum += increment.sum;
      return true;
    },
    read(name) {
      let count = 0;
      // Prometheus counts in each bucket what is in those below as well.
      const bounds = [...buckets, '+Inf'].map((le, index) => {
        count += counts[index] ?? 0;
        return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: count };
      });
      return [
        ...bounds,
        { metricName: `${name}_sum`, labels, value: sum },
        { metricName: `${name}_count`, labels, value: count },
      ];
    },
  };
}
