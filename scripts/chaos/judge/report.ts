import type { Comparison } from './compare.ts';
import type { MailComparison } from './mails.ts';
import type { Trend } from './memory.ts';

export interface Report extends Comparison, MailComparison {
  seed: number;
  submitted: number;
  accepted: number;
  /** By status; a repeated submission counts for each answer. */
  refused: Record<string, number>;
  /** Requests without an answer. */
  unanswered: number;
  /** Answers that a form must not return, as text. */
  broken: Record<string, number>;
  /** How often the runner ended by itself. */
  runnerEnded: number;
  /** By consumer group: events that are undelivered long after the last fault. */
  undelivered: Record<string, number>;
  /** By Trigger. Some may be mails: when a task is killed during a mail, it is unknown whether the mail was sent. */
  deadLetters: Record<string, number>;
  /** By fault, such as `kill redis`. */
  faults: Record<string, number>;
  /** Faults of the plan that were impossible, for example without such a process at the time. */
  leftOut: Record<string, number>;
  drainSeconds: number;
  /** The exit code of `npm run audit` at the end. */
  audit: number;
  /** By process. */
  memory: Record<string, Trend>;
}

/** Nothing is lost, duplicated, wrong, out of order or undelivered, and the audit agrees; no wrong answer; no process whose memory grows. */
export function isClean(report: Report): boolean {
  const {
    lost,
    duplicated,
    wrong,
    unmailed,
    mailedWrongly,
    outOfOrder,
    undelivered,
    runnerEnded,
    broken,
    audit,
    memory,
  } = report;
  const growing = Object.values(memory).filter(({ isFlat }) => isFlat === false);
  const lists = [lost, duplicated, wrong, unmailed, mailedWrongly, growing].map(({ length }) => length);
  const failures = [...lists, outOfOrder, sum(undelivered), runnerEnded, sum(broken), audit];
  return failures.every((number) => number === 0);
}

/** The report as text, a line for each item. */
export function tableOf(report: Report): string {
  const { lost, duplicated, wrong, unmailed, mailedWrongly, memory } = report;
  const rows: [string, string | number][] = [
    ['seed', report.seed],
    ['submitted', report.submitted],
    ['accepted (202)', report.accepted],
    ['refused', counts(report.refused)],
    ['no answer', report.unanswered],
    ['arrived unanswered', report.unknownArrived],
    ['lost', `${lost.length}${sample(lost)}`],
    ['duplicated', `${duplicated.length}${sample(duplicated)}`],
    ['wrong', `${wrong.length}${sample(wrong)}`],
    ['mailed', `${report.mailed}; ${report.deferred} wait for a full mailbox`],
    ['not mailed', `${unmailed.length}${sample(unmailed)}`],
    ['mailed wrongly', `${mailedWrongly.length}${sample(mailedWrongly)}`],
    ['out of order', report.outOfOrder],
    ['below a younger row', `${report.late}, by ${report.latestSeconds} s at most`],
    ['wrong answers', counts(report.broken)],
    ['runner ended itself', report.runnerEnded],
    ['undelivered', counts(report.undelivered)],
    ['dead letters', counts(report.deadLetters)],
    ['time to drain', `${report.drainSeconds} s`],
    ['faults', counts(report.faults)],
    ['left out', counts(report.leftOut)],
    ['audit', report.audit === 0 ? 'nothing lost, nothing duplicated' : `exit code ${report.audit}`],
    ...Object.entries(memory).map(([name, trend]): [string, string] => [`MB, ${name}`, memoryText(trend)]),
  ];
  return rows.map(([name, value]) => `${name.padEnd(20)} ${value}`).join('\n');
}

function memoryText({ early, late, peak, seconds, isFlat }: Trend): string {
  const verdict = isFlat === undefined ? 'killed too soon to tell' : isFlat ? 'flat' : 'GROWS';
  return `${early} → ${late}, at most ${peak}: ${verdict} (${seconds} s)`;
}

export function sum(by: Record<string, number>): number {
  return Object.values(by).reduce((a, b) => a + b, 0);
}

function counts(by: Record<string, number>): string {
  const parts = Object.entries(by).map(([name, n]) => `${name}: ${n}`);
  return parts.join(', ') || 'none';
}

function sample(ids: string[]): string {
  return ids.length > 0 ? ` (${ids.slice(0, 5).join(', ')}${ids.length > 5 ? ', …' : ''})` : '';
}
