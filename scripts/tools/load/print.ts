import type { LoadReport } from './tally.ts';
import type { Verified } from './verify.ts';

const widest = 50;

/** The report as text, with a histogram of the times. */
export function textOf(
  { requests, accepted, seconds, perSecond, latency, errors, histogram }: LoadReport,
  verified?: Verified,
): string {
  const most = Math.max(...histogram.map(({ count }) => count));
  const failed = Object.entries(errors).map(([kind, count]) => `${count} × ${kind}`);
  return [
    `requests    ${requests} in ${seconds} s, ${accepted} accepted: ${perSecond}/s`,
    `errors      ${failed.join(', ') || 'none'}`,
    `latency     ${Object.entries(latency)
      .map(([name, ms]) => `${name} ${ms} ms`)
      .join(', ')}`,
    '',
    ...histogram.map(
      ({ upToMs, count }) =>
        `  ≤ ${String(upToMs).padStart(6)} ms ${String(count).padStart(8)} ${'█'.repeat(Math.ceil((count / most) * widest))}`,
    ),
    ...(verified ? ['', ...linesOf(verified)] : []),
  ].join('\n');
}

function linesOf({ inSheet, lost, duplicated, seconds }: Verified): string[] {
  return [
    `in the sheet ${inSheet} after ${seconds} s, lost ${lost.length}, duplicated ${duplicated.length}`,
    ...lost.slice(0, 10).map((id) => `lost: ${id}`),
    ...duplicated.slice(0, 10).map((id) => `duplicated: ${id}`),
  ];
}
