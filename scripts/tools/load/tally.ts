import { createHistogram } from 'node:perf_hooks';
import * as v from 'valibot';
import type { Outcome } from './drive.ts';

/** The result of a load run. Times in milliseconds, including those of refused and failed submissions. */
export interface LoadReport {
  requests: number;
  /** Answered 202. */
  accepted: number;
  /** From the first submission to the last answer. */
  seconds: number;
  /** Accepted submissions. */
  perSecond: number;
  latency: { mean: number; p50: number; p95: number; p99: number; max: number };
  /** By status, or by the reason why no answer came. */
  errors: Record<string, number>;
  /** How many took at most `upToMs` and longer than the bound before. */
  histogram: { upToMs: number; count: number }[];
}

export interface Tally {
  /** Returns the id of an accepted submission, when ids are kept. */
  record(ms: number, outcome: Outcome): string | undefined;
  /** So far. */
  count(): { requests: number; accepted: number };
  /** Ids of the 202s. */
  ids: Set<string>;
  report(seconds: number): LoadReport;
}

const Accepted = v.pipe(v.string(), v.parseJson(), v.object({ id: v.string() }));

/** @param keepIds reads the ids of accepted submissions; a 202 without an id then counts as an error */
export function openTally({ keepIds }: { keepIds: boolean }): Tally {
  // In microseconds, to three figures: Node's own HDR histogram.
  const histogram = createHistogram({ figures: 3 });
  const buckets = new Map<number, number>();
  const errors: Record<string, number> = {};
  const ids = new Set<string>();
  let [requests, accepted, sum, max] = [0, 0, 0, 0];

  function judge(outcome: Outcome): { error?: string; id?: string } {
    if (outcome.status !== 202) return { error: String(outcome.status ?? outcome.reason) };
    if (!keepIds) return {};
    const { success, output } = v.safeParse(Accepted, outcome.body);
    if (!success) return { error: '202 without an id' };
    if (ids.has(output.id)) return { error: '202 with the id of an earlier one' };
    return output;
  }

  return {
    ids,
    count: () => ({ requests, accepted }),
    record(ms, outcome) {
      requests += 1;
      sum += ms;
      max = Math.max(max, ms);
      histogram.record(Math.max(1, Math.round(ms * 1_000)));
      const bound = boundOf(ms);
      buckets.set(bound, (buckets.get(bound) ?? 0) + 1);
      const { error, id } = judge(outcome);
      if (error === undefined) accepted += 1;
      else errors[error] = (errors[error] ?? 0) + 1;
      if (id !== undefined) ids.add(id);
      return id;
    },
    report(seconds) {
      const at = (percent: number) => round(histogram.percentile(percent) / 1_000);
      const latency = {
        mean: round(requests === 0 ? 0 : sum / requests),
        p50: at(50),
        p95: at(95),
        p99: at(99),
        max: round(max),
      };
      return {
        requests,
        accepted,
        seconds: round(seconds),
        perSecond: round(accepted / seconds),
        latency,
        errors,
        histogram: [...buckets].toSorted(([a], [b]) => a - b).map(([upToMs, count]) => ({ upToMs, count })),
      };
    },
  };
}

/** 1, 2, 5, 10, 20, 50 … and the same below 1. */
function boundOf(ms: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(ms, 0.1)));
  const bound = [1, 2, 5, 10].find((step) => ms <= step * power) ?? 10;
  return Number((bound * power).toPrecision(1));
}

const round = (value: number) => Number(value.toPrecision(4));
