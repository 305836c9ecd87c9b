import { setTimeout as sleep } from 'node:timers/promises';
import type { Letters } from '../../tools/dead-letters/letters.ts';
import type { CloudEvent } from '../../events/cloud-event.ts';

/** The operations of the suite on a Formbus. Each rejects with an Error that says what failed. */
export interface SuiteFormbus {
  /** Where it runs, for messages. */
  name: string;
  /** Posts JSON to a form at the public address. `id`: of an accepted submission. */
  submit(form: string, fields: Record<string, string>): Promise<{ status: number; id: string | undefined }>;
  /** The same, without the limits for a single client. */
  press: SuiteFormbus['submit'];
  /** Publishes an event as a form does. */
  publish(event: CloudEvent): Promise<void>;
  /** Instances of a Service that take requests. */
  instances(service: string): Promise<number>;
  /** Whether one of its instances has logged this text, as far as logs still exist. */
  hasLogged(service: string, text: string): Promise<boolean>;
  /** Runs sheets-flush once. */
  flush(): Promise<void>;
  /** How many rows each id has in a tab; or why rows cannot be read from here. */
  rows: { count(tab: string): Promise<Map<string, number>> } | { unreadable: string };
  letters: Letters;
  /** The image of its functions. */
  image: string;
  /** Applies resources, and resolves when they are ready. */
  apply(resources: SuiteResource[]): Promise<void>;
  /** Removes resources, whether or not they exist. */
  remove(resources: SuiteResource[]): Promise<void>;
  /** Kills the Redis master, and resolves when there is a master again. */
  loseMaster(): Promise<void>;
  /** Problems that the audit finds; undefined where no audit can run. */
  audit: (() => Promise<string[]>) | undefined;
  pace: Pace;
}

export interface SuiteResource {
  apiVersion: string;
  kind: 'Service' | 'Trigger';
  metadata: { name: string; labels?: Record<string, string> };
  spec: object;
}

/** How often a condition is checked, and for how long. */
interface Pace {
  everyMs: number;
  patienceMs: number;
}

/** Something cannot be checked here; the message says why. */
export class Unchecked extends Error {
  override name = 'Unchecked';
}

/**
 * Waits until the condition returns a value.
 * @param what describes the condition, for the error
 * @throws Error when that takes too long
 */
export async function until<T>(
  { everyMs, patienceMs }: Pace,
  what: string,
  condition: () => Promise<T | undefined | false>,
): Promise<T> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    // A failure while something ends or starts is retried.
    let cause: unknown;
    const found = await condition().catch((error: unknown) => {
      cause = error;
      return undefined;
    });
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) {
      const reason = cause instanceof Error ? ` (${cause.message})` : '';
      throw new Error(`not within ${patienceMs / 1_000} s: ${what}${reason}`, { cause });
    }
    await sleep(everyMs);
  }
}
