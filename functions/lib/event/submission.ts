import * as v from 'valibot';
import { lostNames } from './field-name.ts';

/** JSON.parse reads 1e999 as Infinity, which JSON cannot express. */
const Finite = v.pipe(v.number(), v.finite());
const Value = v.union([v.string(), Finite, v.boolean(), v.null(), v.array(v.union([v.string(), Finite]))]);

/** CloudEvents 1.0, 3.1: a string has no control characters. Structured mode could carry them in. */
const PlainText = v.pipe(v.string(), v.regex(/^\P{Cc}+$/u, 'empty, or with control characters'));

/**
 * What a task reads from a form's event. `data` holds the fields in the order of the form's schema; other attributes are kept.
 *
 * @example
 * ```ts
 * export const countVisits = task('count-visits', Submission, async ({ event, log }) => {
 *   log.info({ id: event.id, form: event.form }, 'seen');
 * });
 * ```
 */
export const Submission = v.looseObject({
  id: PlainText,
  type: v.string(),
  source: v.string(),
  /** ISO 8601, the moment of receipt. */
  time: v.pipe(
    v.string(),
    v.check((text) => !Number.isNaN(Date.parse(text)), 'time is not an ISO 8601 date'),
  ),
  form: PlainText,
  /** Where the rows go: `<spreadsheet id>/<tab, percent-encoded>`. */
  sheet: v.pipe(v.string(), v.regex(/^[\w-]+\/.+$/, 'sheet is not <spreadsheet id>/<tab>')),
  /** Names beginning with @ are kept for the columns that Formbus adds. */
  data: v.pipe(
    v.custom<object>(
      (data) => data instanceof Object && !lostNames.some((name) => Object.hasOwn(data, name)),
    ),
    v.record(v.pipe(v.string(), v.regex(/^[^@]/)), Value),
  ),
});

/**
 * A checked submission.
 *
 * @example
 * ```ts
 * const fieldsOf = ({ data }: Submission) => Object.keys(data);
 * ```
 */
export type Submission = v.InferOutput<typeof Submission>;
