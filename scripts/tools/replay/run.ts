import type { History, PastEvent } from './history.ts';
import type { Progress, Saved } from './progress.ts';
import { counted } from '../client/counted.ts';

export interface ReplayOptions<E extends PastEvent> {
  history: History<E>;
  progress: Progress;
  /** Milliseconds since 1970. */
  from: number;
  to: number;
  /** Events a second. */
  rate: number;
  /** How long the task remembers ids, in days; undefined when its manifest does not say. */
  memoryDays: number | undefined;
  isDryRun?: boolean;
  say: (line: string) => void;
  now?: () => number;
  pause?: (ms: number) => Promise<void>;
}

/**
 * Delivers a form's past to a task. After a stop at any point it continues from there: at most the events of one second arrive
 * twice, as any event may.
 * @throws Error when the history reaches further back than the task remembers ids
 */
export async function replay<E extends PastEvent>({
  history,
  progress,
  from,
  to,
  rate,
  memoryDays,
  isDryRun = false,
  say,
  now = Date.now,
  pause = wait,
}: ReplayOptions<E>): Promise<Saved> {
  let state = isDryRun ? { place: '', delivered: 0 } : progress.load();
  if (state.place !== '') say(`continues where it stopped, after ${counted(state.delivered, 'event')}`);
  for await (const { events, place } of history.pages(state.place, to)) {
    const chosen = events.filter(({ time }) => time >= from && time <= to);
    for (let first = 0; first < chosen.length; first += rate) {
      const part = chosen.slice(first, first + rate);
      refuseTooOld(part, memoryDays, now());
      const begin = now();
      const count = isDryRun ? part.length : await history.deliver(part);
      state = { ...state, delivered: state.delivered + count };
      const last = part.at(-1);
      if (last) say(`${counted(state.delivered, 'event')}, up to ${new Date(last.time).toISOString()}`);
      if (!isDryRun) await pause((part.length / rate) * 1_000 - (now() - begin));
    }
    state = { ...state, place };
    if (!isDryRun) progress.save(state);
  }
  if (!isDryRun) progress.clear();
  return state;
}

/** A task that no longer remembers an id takes its event for a new one. */
function refuseTooOld(events: PastEvent[], memoryDays: number | undefined, now: number): void {
  if (memoryDays === undefined) return;
  const oldest = Math.min(...events.map(({ time }) => time));
  if (oldest >= now - memoryDays * 86_400_000) return;
  throw new Error(
    `the history goes back to ${new Date(oldest).toISOString()}, and the task remembers ids for ${memoryDays} days (SEEN_DAYS): ` +
      'what it received before that would be duplicated. Choose a later --from, or raise SEEN_DAYS before more ids expire',
  );
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, Math.max(0, ms));
  });
}
