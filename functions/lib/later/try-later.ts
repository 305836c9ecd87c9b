/** Puts this event into the task's own queue, from which it is retried while the Broker delivers other events. The task's `later` says how. */
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
