import { attempt, urlOf } from '../attempt.ts';
import type { Answer, DeadLetterSink, Send } from '../broker.ts';
import type { Clock } from '../clock.ts';
import type { Event } from '../cloud-event.ts';
import { backoffMs, type Delivery } from '../delivery.ts';
import type { Log } from '../log.ts';
import type { Subscriber } from '../manifests.ts';
import { failureAttributes, type Outcome, outcomeOf } from '../outcome.ts';

/** The longest that a dead letter waits for its sink to come back. */
const LONGEST_SINK_WAIT_MS = 60_000;

/**
 * Delivers one event of a KafkaSource for as long as it takes: to its sink or, when that refused it for good, to the dead-letter
 * sink. Where Knative gives an event up that the dead-letter sink does not take, this keeps trying: the record stays uncommitted.
 * Resolves when it is done with.
 * @throws when `signal` broke it off
 */
export async function deliver({
  event,
  to,
  delivery,
  send,
  deadLetterSink,
  log,
  clock,
  signal,
}: {
  event: Event;
  to: Subscriber;
  delivery: Delivery;
  send: Send;
  deadLetterSink: DeadLetterSink;
  /** Bears the fields that name the record. */
  log: (level: keyof Log, message: string, fields?: object) => void;
  clock: Clock;
  signal: AbortSignal;
}): Promise<void> {
  for (let failed = 1; ; failed += 1) {
    const outcome = await once();
    if (outcome.kind === 'done' || outcome.kind === 'reply') return;
    const { code } = outcome.failure;
    if (outcome.kind === 'dead' || failed > delivery.retry) return bury(outcome.failure, failed);
    const waitMs = backoffMs(delivery, failed);
    log('info', 'delivery failed, will be retried', { code, failed, waitMs });
    await wait(waitMs);
  }

  async function once(): Promise<Outcome> {
    const controller = new AbortController();
    const abort = () => controller.abort(signal.reason);
    signal.addEventListener('abort', abort);
    try {
      const { timeoutMs } = delivery;
      const outcome = await attempt({ event, to, timeoutMs, judge: withoutReply, send, clock, controller });
      signal.throwIfAborted();
      return outcome;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  async function bury(failure: Extract<Outcome, { failure: unknown }>['failure'], failed: number) {
    const fields = { code: failure.code, failed };
    const { deadLetterSink: sink } = delivery;
    if (sink === undefined)
      return log('error', 'event dropped: it cannot be delivered and there is no dead-letter sink', fields);
    const attributes = { ...event.attributes, ...failureAttributes(urlOf(to), failure) };
    for (let again = 1; ; again += 1) {
      try {
        await deadLetterSink(sink, { attributes, data: event.data });
        return log('warn', 'event is a dead letter', { ...fields, sink });
      } catch (error) {
        signal.throwIfAborted();
        const waitMs = Math.min(backoffMs(delivery, again), LONGEST_SINK_WAIT_MS);
        log('error', 'the dead-letter sink failed, will be retried', {
          ...fields,
          sink,
          waitMs,
          error: String(error),
        });
        await wait(waitMs);
      }
    }
  }

  function wait(ms: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = () => {
        cancel();
        reject(signal.reason);
      };
      const cancel = clock.after(ms, () => {
        signal.removeEventListener('abort', stop);
        resolve();
      });
      if (signal.aborted) stop();
      else signal.addEventListener('abort', stop, { once: true });
    });
  }
}

/** A source has no use for what its sink replies (`DiscardReply`): every 2xx is a success. */
function withoutReply(answer: Answer): Outcome {
  return answer.status >= 200 && answer.status < 300 ? { kind: 'done' } : outcomeOf(answer);
}
