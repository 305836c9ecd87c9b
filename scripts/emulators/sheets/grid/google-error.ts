import { seen } from './texts.ts';

/** A refusal as Google words it; the API answers with its code and body, a batch is rolled back by it. */
export class GoogleError extends Error {
  readonly code: number;
  readonly status: string;
  readonly details: object[];

  constructor(code: number, status: string, message: string, details: object[] = []) {
    super(message);
    this.code = code;
    this.status = status;
    this.details = details;
  }

  /** `{error: {code, message, status, details?}}`, the shape of every JSON error of Google's APIs. */
  body(): object {
    const { code, message, status, details } = this;
    return { error: { code, message, status, ...(details.length > 0 && { details }) } };
  }
}

export const invalid = (message: string, details?: object[]): GoogleError =>
  new GoogleError(400, 'INVALID_ARGUMENT', message, details);

export const notFound = (message = seen.notFound): GoogleError => new GoogleError(404, 'NOT_FOUND', message);

/** 400 with the `google.rpc.BadRequest` detail that says which field is at fault. */
export function badField(field: string, description: string, message = description): GoogleError {
  return invalid(message, [
    { '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations: [{ field, description }] },
  ]);
}
