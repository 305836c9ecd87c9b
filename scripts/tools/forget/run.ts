import { setTimeout as pause } from 'node:timers/promises';
import { forgottenEvent } from '../../../functions/lib/event/forgotten-event.ts';
import type { Stores, Told } from './stores.ts';

/** Lines for people. */
export interface Forgetting {
  removed: string[];
  left: string[];
  /** Where something of the submission may still be, and for how long. */
  unreachable: string[];
}

interface Options {
  stores: Stores;
  say: (line: string) => void;
  patienceMs: number;
  pauseMs?: number;
}

/**
 * Makes every task forget a submission, and waits until they have.
 * @throws Error when there is no such submission, or it belongs to another form
 */
export async function forget(
  { form, id }: { form: string; id: string },
  { stores, say, patienceMs, pauseMs = 250 }: Options,
): Promise<Forgetting> {
  say('looking for it');
  const archived = await stores.archived(id);
  const logged = await stores.logged(id);
  const found = archived ?? logged.submission;
  if (!found)
    throw new Error(`there is no submission ${id}, neither in the archive nor in a log of this machine`);
  if (found.form !== form) throw new Error(`${id} is a submission of ${found.form}, not of ${form}`);
  const [spreadsheetId = ''] = found.sheet.split('/');

  await stores.publish(forgottenEvent({ id, form, sheet: found.sheet }));
  const deadline = performance.now() + patienceMs;
  let told: Told = { done: [], waiting: ['the Broker'], dead: [] };
  let isErasing = true;
  let flushed = false;
  let last = '';
  let trouble: string | undefined;
  try {
    while (performance.now() < deadline) {
      told = await stores.told(id, logged.end);
      isErasing = await stores.isErasing(spreadsheetId, id);
      if (told.waiting.length === 0 && !isErasing) break;
      const line =
        told.waiting.length > 0 ? `waiting for ${told.waiting.join(', ')}` : 'waiting for the sheet';
      if (line !== last) say(line);
      last = line;
      // A flush runs each minute; this makes it sooner.
      if (told.waiting.length === 0 && !flushed) {
        flushed = true;
        await stores.flush();
      }
      await pause(pauseMs);
    }
  } catch (error) {
    trouble = error instanceof Error ? error.message : String(error);
  }

  const left = [
    ...(trouble === undefined
      ? []
      : [
          `${trouble}. The tasks have the event and will finish by themselves; run this again to see the result, which is safe`,
        ]),
    ...told.waiting.map((task) => `${task} has not done it yet; it is retried automatically`),
    ...told.dead.map((task) => `${task} failed permanently: npm run dead-letters -- show ${id}/forgotten`),
    ...(isErasing
      ? [`rows of ${spreadsheetId}: the next flush takes them out; npm run audit shows whether it is parked`]
      : []),
  ];
  const isDone = (task: string) => told.done.some((one) => one === task || one.startsWith(`${task}-`));
  const removed = [
    ...(isDone('archive') ? [`archive: ${archivedAs(archived)}; the id stays as a mark`] : []),
    ...(isDone('sheets-buffer') ? ['buffer: no row, and none is accepted again'] : []),
    ...(isDone('sheets-buffer') && !isErasing
      ? [`sheets: no row of it in ${spreadsheetId}, the tab Moderation included`]
      : []),
    ...told.done.filter((task) => !/^(archive|sheets-buffer)(-|$)/.test(task)).map((task) => `${task}: done`),
  ];
  return { removed, left, unreachable: await stores.unreachable(id, logged.received) };
}

function archivedAs(archived: { isForgotten: boolean } | undefined): string {
  if (!archived) return 'had nothing';
  return archived.isForgotten ? 'was removed before' : 'removed';
}
