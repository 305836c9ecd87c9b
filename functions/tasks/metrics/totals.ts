import { definitions, type MetricDefinition, type Push } from '../../lib/metrics/metric-definitions.ts';

/** A metric with its values, in prom-client's JSON. */
export interface Metric {
  name: string;
  help: string;
  type: MetricDefinition['kind'];
  aggregator: 'first';
  values: { metricName?: string; labels: Record<string, string | number>; value: number }[];
}

export interface Totals {
  /** False when it was added before. Metrics that are not defined here, as during an upgrade, are skipped. */
  add(push: Push): boolean;
  /**
   * A counter is 0 in the first answer that has it: Prometheus counts from the first value that it meets, so that the very first dead letter
   * or 503 would not be an increase.
   */
  read(): Metric[];
}

/** A process repeats a push until it is answered; a lost answer is repeated within an hour. */
const memoryMs = 3_600_000;

/** Adds up what all processes push. The number of each process's last push stays in memory until the process is silent for an hour. */
export function openTotals({ now = Date.now }: { now?: () => number } = {}): Totals {
  const metrics = new Map<string, { definition: MetricDefinition; series: Map<string, Total> }>(
    Object.entries(definitions).map(([name, definition]) => [name, { definition, series: new Map() }]),
  );
  const shown = new WeakSet<Total>();
  /** By process; the process that has been silent longest comes first. */
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
  /** False when the increment does not fit the definition. */
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
      // In Prometheus each bucket includes those below it.
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
