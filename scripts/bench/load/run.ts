import { openTally, type LoadReport } from '../../tools/load/tally.ts';
import { cpuMsOf } from '../parts/system.ts';
import { runUsers, type Load } from './users.ts';

export interface Run extends LoadReport {
  /** The server's processor time for a request, in microseconds. */
  serverUs: number;
  /** Processor time of the server, and of what shares the other core, in percent of the run. */
  busy: { server: number; others: number };
}

/** Submits to a server and measures the processor time that it and the others take meanwhile: this process and those of `others`. */
export async function submit(
  { url, pid }: { url: URL; pid: number },
  { posts, load, others }: { posts: string[]; load: Load; others: number[] },
): Promise<Run> {
  const tally = openTally({ keepIds: true });
  const used = () => ({
    server: cpuMsOf(pid),
    others: [process.pid, ...others].reduce((sum, one) => sum + cpuMsOf(one), 0),
  });
  const before = used();
  const begin = performance.now();
  await runUsers({ url, posts, record: tally.record, ...load });
  const ms = performance.now() - begin;
  const after = used();
  const report = tally.report(ms / 1_000);
  const serverMs = after.server - before.server;
  return {
    ...report,
    serverUs: (serverMs * 1_000) / report.requests,
    busy: { server: (serverMs / ms) * 100, others: ((after.others - before.others) / ms) * 100 },
  };
}

/** From so much on, the other core limits a run as well. */
const full = 95;

/** How busy the other core was, for a table. */
export function busyText(percent: number): string {
  return `${Math.round(percent)}${percent >= full ? ' (limits)' : ''}`;
}
