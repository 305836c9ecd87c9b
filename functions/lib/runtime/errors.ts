/**
 * Something needed right now cannot be reached; the same work may succeed later. `message` is sent to the caller.
 *
 * @example
 * ```ts
 * throw new Unavailable('The database cannot be reached.', { cause });
 * ```
 */
export class Unavailable extends Error {
  override name = 'Unavailable';
  /** A word for the metrics, where the error alone does not say why. */
  readonly reason: string | undefined;

  constructor(message: string, { reason, ...options }: ErrorOptions & { reason?: string } = {}) {
    super(message, options);
    this.reason = reason;
  }
}

/**
 * This input will never be accepted: a task's event becomes a dead letter at once. `message` is the reason that the dead letter carries,
 * so it must hold none of the submission's data.
 *
 * @example
 * ```ts
 * throw new Refused('The webhook is gone.');
 * ```
 */
export class Refused extends Error {
  override name = 'Refused';
}
