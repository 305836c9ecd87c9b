import { counter, histogram } from '../metrics/metrics.ts';
import type { FunctionDefinition } from '../serve/definition.ts';

/** The reason of a refusal, where the answer itself names none. */
const reasons: Record<number, string> = {
  400: 'malformed',
  404: 'address',
  405: 'method',
  408: 'slow',
  413: 'too-large',
  415: 'content-type',
  422: 'fields',
  500: 'bug',
  503: 'unavailable',
};

/** Counts what a form answers to submissions. Only they are answered 202, or 303 to a browser. */
export function submissionCounter(form: string): NonNullable<FunctionDefinition['answered']> {
  const accepted = counter('formbus_submissions_accepted_total', form);
  const published = histogram('formbus_publish_seconds', form);
  return ({ method, status, reason = reasons[status] ?? 'other', seconds }) => {
    if (method !== 'POST') return;
    if (status >= 400)
      return counter('formbus_submissions_refused_total', form, String(status), reason).add();
    accepted.add();
    published.observe(seconds);
  };
}
