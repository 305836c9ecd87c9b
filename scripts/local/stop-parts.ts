import type { Broker } from './broker.ts';
import type { Gateway, GatewayParts } from './gateway.ts';
import type { Log } from './log.ts';
import type { Schedules } from './ping.ts';
import type { Redis } from './redis.ts';
import type { Services } from './services.ts';

/** What a runner consists of, as far as it is started. */
export interface Parts {
  /** Gives the data folder back. */
  unlock?: () => void;
  /** Lets go who waits for the services to be opened. */
  abandon?: () => void;
  gateway?: Gateway;
  redis?: Redis;
  sheets?: { handle: NonNullable<GatewayParts['sheets']>; close(): Promise<void> };
  broker?: Broker;
  services?: Services;
  schedules?: Schedules;
}

/** All of it, Redis's last second apart. */
const totalMs = 9_000;

/**
 * Stops in the direction of the flow: nothing new comes in, what is under way is finished while all that it needs still
 * runs. What takes too long is cut, so that all is over within 10 s.
 */
export async function stopParts(parts: Parts, log: Log) {
  const end = performance.now() + totalMs;
  const step = async (what: string, work: Promise<void> | undefined, ms: number) => {
    const late = AbortSignal.timeout(ms);
    const timeout = new Promise<never>((_, reject) => {
      late.addEventListener('abort', () => reject(new Error(`it is not closed after ${ms} ms`)));
    });
    await Promise.race([work, timeout]).catch((error: unknown) => log.warn({}, `${what}: ${String(error)}`));
    timeout.catch(() => {});
  };
  parts.abandon?.();
  await step('gateway', parts.gateway?.close(4_000), 4_500);
  await step('schedules', parts.schedules?.close(), 500);
  await step('broker', parts.broker?.close(), 1_500);
  const left = Math.min(6_000, end - performance.now());
  await step('services', parts.services?.close(left), left + 500);
  await step('redis', parts.redis?.close(500), 700);
  await step('sheets', parts.sheets?.close(), 500);
  parts.unlock?.();
}
