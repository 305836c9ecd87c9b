/**
 * Thrown by a task with a `later`: this event waits in the task's own queue and is retried from there, while others go on.
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
   * @param reason for people: kept with the event, and the reason of its dead letter. It must hold none of the submission's data
   * @param options.destination what is not ready, such as the host of a webhook: few events of a destination are tried at a time
   */
  constructor(reason: string, { destination, ...options }: ErrorOptions & { destination: string }) {
    super(reason, options);
    this.destination = destination;
  }
}
