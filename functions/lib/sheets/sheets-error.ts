/** A call to Google failed. `status` is undefined when Google did not answer; then it is unknown whether the call was carried out. */
export class SheetsError extends Error {
  override name = 'SheetsError';
  readonly status: number | undefined;

  constructor(message: string, status: number | undefined, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}
