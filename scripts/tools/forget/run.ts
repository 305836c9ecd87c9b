import { forgottenEvent } from '../../../functions/lib/event/forgotten-event.ts';
import type { Stores, Told } from './stores.ts';

/** For people, a line each. */
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
 * Has a submission forgotten by every task, and waits until they have.
 * @throws Error when there is no such submission, or it is another form's
 */
export async function forget(
  { form, id }: { form: string; id: string },
  { stores, say, patienceMs, pauseMs = 250 }: Options,
): Promise<Forgetting> {
  say('looking for it');
  const archived = await stores.archived(id);
  const logged = await stores.logged(id);
  const found = archived ?? logged.submission;
  if (!found) throw new Error(`there is no submission ${id} in the archive, nor in a log of this machine`);
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
      // By itself it goes each minute.
      if (told.waiting.length === 0 && !flushed) {
        flushed = true;
        await stores.flush();
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  } catch (error) {
    trouble = error instanceof Error ? error.message : String(error);
  }

  const left = [
    ...(trouble === undefined
      ? []
      : [`${trouble}. The tasks are told, and do it by themselves; run this again to see it, which is safe`]),
    ...told.waiting.map((task) => `${task} has not done it; it is tried again by itself`),
    ...told.dead.map((task) => `${task} could not do it: npm run dead-letters -- show ${id}/forgotten`),
    ...(isErasing
      ? [`rows of ${spreadsheetId}: the next flush takes them out; npm run audit tells whether it is parked`]
      : []),
  ];
  const isDone = (task: string) => told.done.some((one) => one === task || one.startsWith(`${task}-`));
  const removed = [
    ...(isDone('archive') ? [`archive: ${archivedAs(archived)}; the id stays as a mark`] : []),
    ...(isDone('sheets-buffer') ? ['buffer: no row, and none is taken again'] : []),
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
