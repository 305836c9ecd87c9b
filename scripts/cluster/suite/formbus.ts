import { setTimeout as sleep } from 'node:timers/promises';
import type { Letters } from '../../tools/dead-letters/letters.ts';
import type { CloudEvent } from '../../events/cloud-event.ts';

/** A Formbus that runs somewhere, as the suite sees and handles it. All reject with an Error that says what could not be done. */
export interface SuiteFormbus {
  /** For people: where it runs. */
  name: string;
  /** Posts JSON to a form at the door that everybody uses. `id`: of what was accepted. */
  submit(form: string, fields: Record<string, string>): Promise<{ status: number; id: string | undefined }>;
  /** The same behind what the door allows to one address. */
  press: SuiteFormbus['submit'];
  /** Publishes an event as a form does. */
  publish(event: CloudEvent): Promise<void>;
  /** Instances of a Service that take requests. */
  instances(service: string): Promise<number>;
  /** Whether one of its instances has logged a line with this text, as far as that can still be read. */
  hasLogged(service: string, text: string): Promise<boolean>;
  /** Runs sheets-flush once. */
  flush(): Promise<void>;
  /** How often each id stands in a tab of the sheet; or why that can't be read from here. */
  rows: { count(tab: string): Promise<Map<string, number>> } | { unreadable: string };
  letters: Letters;
  /** The image that its functions run. */
  image: string;
  /** Makes resources as they say, and resolves when they are ready. */
  apply(resources: SuiteResource[]): Promise<void>;
  /** Takes them away, those that are not there as well. */
  remove(resources: SuiteResource[]): Promise<void>;
  /** Ends the Redis that is the master, without a word to it, and resolves when there is a master again. */
  loseMaster(): Promise<void>;
  /** What the audit finds fault with; undefined where there is none to ask. */
  audit: (() => Promise<string[]>) | undefined;
  pace: Pace;
}

export interface SuiteResource {
  apiVersion: string;
  kind: 'Service' | 'Trigger';
  metadata: { name: string; labels?: Record<string, string> };
  spec: object;
}

/** How often it is looked for something, and after how long it does not come any more. */
interface Pace {
  everyMs: number;
  patienceMs: number;
}

/** What can't be checked here, and why. */
export class Unchecked extends Error {
  override name = 'Unchecked';
}

/**
 * Waits until the condition gives something.
 * @param what the condition in words, for the error
 * @throws Error when that takes longer than the patience
 */
export async function until<T>(
  { everyMs, patienceMs }: Pace,
  what: string,
  condition: () => Promise<T | undefined | false>,
): Promise<T> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    // What fails while something is ended or starts is tried again.
    let cause: unknown;
    const found = await condition().catch((error: unknown) => {
      cause = error;
      return undefined;
    });
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) {
      const reason = cause instanceof Error ? ` (${cause.message})` : '';
      throw new Error(`after ${patienceMs / 1_000} s still not: ${what}${reason}`, { cause });
    }
    await sleep(everyMs);
  }
}
