/** What Google said to a call: `status` is undefined when no answer of Google's came, and then nobody knows whether it was done. */
export class SheetsError extends Error {
  override name = 'SheetsError';
  readonly status: number | undefined;

  constructor(message: string, status: number | undefined, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}
