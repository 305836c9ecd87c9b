import type { CloudEventV1 } from 'cloudevents';

/** Where a form's events go. */
export interface Publisher {
  /**
   * Resolves when the log has acknowledged the event, and only then.
   * @throws Unavailable when it did not in time; the event may have been stored nevertheless
   */
  publish(event: CloudEventV1<unknown>): Promise<void>;
  close(): Promise<void>;
}
