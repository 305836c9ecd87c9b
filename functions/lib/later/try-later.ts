/**
 * Thrown by a task with a `later`: this one event waits in the task's own queue and is tried again from there, while others go on.
 *
 * @example
 * ```ts
 * if (!answer.ok) throw new TryLater(`The webhook answered ${answer.status}.`, { destination: url.host });
 * ```
 */
export class TryLater extends Error {
  override name = 'TryLater';
  readonly destination: string;

  /**
   * @param reason for people; kept, and in the end a dead letter's reason, so it must hold none of the submission's data
   * @param options.destination what is not ready, as the host of a webhook: few at a time are tried for the same one
   */
  constructor(reason: string, { destination, ...options }: ErrorOptions & { destination: string }) {
    super(reason, options);
    this.destination = destination;
  }
}
