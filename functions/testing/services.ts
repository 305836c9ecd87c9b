import * as v from 'valibot';
import { inject } from 'vitest';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the run's services are started on demand: scripts/testing/services.ts. */
    services: string;
    /** Numbers are as large as a night allows: `npm run test:nightly`. */
    isNightly: boolean;
  }
}

/**
 * Asks the test run for something that it starts, once for all files or for the caller alone: scripts/testing/services.ts.
 * @throws Error with the reason when the run could not start it
 */
export async function ask<T extends v.GenericSchema>(
  answer: T,
  path: string,
  body: unknown = {},
): Promise<v.InferOutput<T>> {
  const response = await fetch(`${inject('services')}/${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`the test run's service ${path} answered ${response.status}: ${text}`);
  return v.parse(answer, JSON.parse(text));
}
