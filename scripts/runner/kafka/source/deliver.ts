import { attempt, LOST, refusedBytes, urlOf } from '../../delivery/attempt.ts';
import type { Answer } from '../../../events/delivery-outcome.ts';
import type { DeadLetterSink, Send } from '../../delivery/send.ts';
import { type Clock, pause } from '../../delivery/clock.ts';
import type { CloudEvent } from '../../../events/cloud-event.ts';
import { backoffMs, type Delivery } from '../../../manifests/schemas/delivery-schema.ts';
import { MAX_HEADER_BYTES } from '../../../events/limits.ts';
import type { Log } from '../../log.ts';
import type { Subscriber } from '../../../manifests/types.ts';
import { deadLetterOf, type Failure, type Outcome, outcomeOf } from '../../../events/delivery-outcome.ts';

/** The longest that a dead letter waits for its sink to come back. */
const LONGEST_SINK_WAIT_MS = 60_000;

/**
 * Delivers one event of a KafkaSource for as long as it takes: to its sink or, when that refused it permanently, to the dead-letter
 * sink. Knative drops an event that the dead-letter sink does not accept; this keeps trying: the record stays uncommitted.
 * Resolves when it is done with.
 * @throws when `signal` broke it off
 */
export async function deliver({
  event,
  to,
  delivery,
  send,
  deadLetterSink,
  keepLetter,
  onRetry,
  log,
  clock,
  signal,
}: {
  event: CloudEvent;
  to: Subscriber;
  delivery: Delivery;
  send: Send;
  deadLetterSink: DeadLetterSink;
  /** Takes a dead letter that its sink would never take. */
  keepLetter: (topic: string, letter: CloudEvent) => Promise<void>;
  /** Called once, when the first attempt has failed. */
  onRetry: () => void;
  /** Bears the fields that name the record. */
  log: (level: keyof Log, message: string, fields?: object) => void;
  clock: Clock;
  signal: AbortSignal;
}): Promise<void> {
  for (let failed = 1; ; failed += 1) {
    const outcome = await once();
    if (outcome.kind === 'done' || outcome.kind === 'reply') return;
    const { code, reason } = outcome.failure;
    if (outcome.kind === 'dead' || failed > delivery.retry) return bury(outcome.failure, failed);
    const waitMs = backoffMs(delivery, failed);
    log('info', 'delivery failed, will be retried', { code, ...(reason && { reason }), failed, waitMs });
    if (failed === 1) onRetry();
    await pause(waitMs, { clock, signal });
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

  async function bury(failure: Failure, failed: number) {
    const { code, reason } = failure;
    const fields = { id: event.attributes['id'], code, ...(reason && { reason }), failed };
    const { deadLetterSink: sink, deadLetterTopic: topic } = delivery;
    if (sink === undefined || topic === undefined)
      return log('error', 'event dropped: it cannot be delivered and there is no dead-letter sink', fields);
    const letter = deadLetterOf(event, urlOf(to), failure);
    const bytes = refusedBytes(letter);
    if (bytes !== undefined) {
      log('error', LOST, { ...fields, sink, bytes, limit: MAX_HEADER_BYTES });
      return keepLetter(topic, letter);
    }
    for (let again = 1; ; again += 1) {
      try {
        await deadLetterSink(sink, letter);
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
        await pause(waitMs, { clock, signal });
      }
    }
  }
}

/** A source has no use for what its sink replies (`DiscardReply`): every 2xx is a success. */
function withoutReply(answer: Answer): Outcome {
  return answer.status >= 200 && answer.status < 300 ? { kind: 'done' } : outcomeOf(answer);
}
