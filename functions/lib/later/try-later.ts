/** Thrown by a task whose `later` says how: this one event is tried again later, out of the Broker's sight, and the others go on. */
export class TryLater extends Error {
  override name = 'TryLater';
  readonly destination: string;

  /**
   * @param reason for people; kept, and a dead letter's reason at the end. No data of the submission
   * @param options.destination what is not ready, as the host of a webhook: few at a time are tried for the same one
   */
  constructor(reason: string, { destination, ...options }: ErrorOptions & { destination: string }) {
    super(reason, options);
    this.destination = destination;
  }
}
