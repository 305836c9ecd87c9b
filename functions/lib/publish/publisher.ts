import type { CloudEventV1 } from 'cloudevents';

/** How long a form waits for the acknowledgement of an event, in milliseconds: it must answer within 5 s. */
export const deadlineMs = 4_500;

/** Where a form's events go. */
export interface Publisher {
  /**
   * Resolves when the log has acknowledged the event, and only then.
   * @throws Unavailable when it did not in time; the event may have been stored anyway
   */
  publish(event: CloudEventV1<unknown>): Promise<void>;
  close(): Promise<void>;
}
