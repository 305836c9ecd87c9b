import * as v from 'valibot';

/**
 * Everything that functions count, by its name in Prometheus. Besides its own labels each has `service`. Who counts and who keeps the
 * totals both read it here. The values of a label are few and known, or ids of spreadsheets: never something that people type.
 */
export const definitions = {
  formbus_submissions_accepted_total: {
    kind: 'counter',
    labels: ['form'],
    help: 'Submissions that were answered 202, or 303 to a browser.',
  },
  formbus_submissions_refused_total: {
    kind: 'counter',
    labels: ['form', 'code', 'reason'],
    help: 'POSTs to a form that were answered with an error, by HTTP status and a word that says why.',
  },
  formbus_publish_seconds: {
    kind: 'histogram',
    labels: ['form'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    help: 'From the complete body of a submission to its answer, which waits for the acknowledgement.',
  },
  formbus_publish_batch_events: {
    kind: 'histogram',
    labels: [],
    buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500],
    help: 'Events in one acknowledged request to Kafka or the sink.',
  },
  formbus_task_events_total: {
    kind: 'counter',
    labels: ['code'],
    help: 'Events that a task answered, by HTTP status: 2xx done, 503 later, 400 dead letter.',
  },
  formbus_task_seconds: {
    kind: 'histogram',
    labels: [],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    help: 'From a complete event to the answer of the task.',
  },
  formbus_duplicates_total: {
    kind: 'counter',
    labels: [],
    help: 'Events that came again and were recognised.',
  },
  formbus_rows_buffered_total: {
    kind: 'counter',
    labels: ['form'],
    help: 'Rows that are new in the buffer.',
  },
  formbus_flush_seconds: {
    kind: 'histogram',
    labels: [],
    buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250],
    help: 'How long a run over all sheets took.',
  },
  formbus_flush_rows_total: {
    kind: 'counter',
    labels: ['sheet'],
    help: 'Rows that a run knows to stand in the sheet, by spreadsheet.',
  },
  formbus_sheets_calls_total: {
    kind: 'counter',
    labels: ['method', 'code'],
    help: 'Calls to Google Sheets by HTTP status; none = no answer came, 429 = the quota is used up.',
  },
  formbus_mails_total: {
    kind: 'counter',
    labels: ['outcome'],
    help: 'Mails by what became of them: sent, again (the server is out of reach), deferred (the recipient is), refused, unknown (no answer came), over, over-domain, over-form (the caps a day).',
  },
  formbus_later_total: {
    kind: 'counter',
    labels: ['outcome'],
    help: "Events in a task's own queue by what became of them: queued, again, done, dead (a dead letter).",
  },
  formbus_flagged_total: {
    kind: 'counter',
    labels: ['form'],
    help: 'Submissions that are flagged for moderators.',
  },
  formbus_archived_total: {
    kind: 'counter',
    labels: ['form'],
    help: 'Submissions that are new in the archive.',
  },
  formbus_audit_lost: {
    kind: 'gauge',
    labels: ['form'],
    help: 'Accepted submissions that the last audit found nowhere.',
  },
  formbus_audit_duplicated: {
    kind: 'gauge',
    labels: ['form'],
    help: 'Submissions that the last audit found twice in a sheet.',
  },
  formbus_audit_checked_submissions: {
    kind: 'gauge',
    labels: ['form'],
    help: 'Accepted submissions that the last audit looked for.',
  },
  formbus_audit_timestamp_seconds: {
    kind: 'gauge',
    labels: [],
    help: 'When the last complete audit ended, in seconds since 1970.',
  },
} as const satisfies Record<string, MetricDefinition>;

export interface MetricDefinition {
  kind: 'counter' | 'gauge' | 'histogram';
  labels: readonly string[];
  help: string;
  /** Of a histogram: upper bounds, ascending. */
  buckets?: readonly number[];
}

/** Characters that a push has room for. */
export const longestLabel = 200;

const Text = v.pipe(v.string(), v.maxLength(longestLabel));
const Count = v.pipe(v.number(), v.finite(), v.minValue(0));
const common = { name: Text, labels: v.pipe(v.array(Text), v.maxLength(10)) };

/** What came together in one process since its last push: increments, and the values of gauges. */
export const Push = v.object({
  service: Text,
  /** A random id of the process, and the number of its push: one that comes again counts once. */
  process: v.pipe(v.string(), v.uuid()),
  sequence: v.pipe(v.number(), v.integer(), v.minValue(1)),
  series: v.array(
    v.union([
      v.object({ ...common, value: v.pipe(v.number(), v.finite()) }),
      /** Observations by bucket, the last one for what is above all bounds. */
      v.object({
        ...common,
        counts: v.pipe(v.array(Count), v.maxLength(50)),
        sum: v.pipe(v.number(), v.finite()),
      }),
    ]),
  ),
});
export type Push = v.InferOutput<typeof Push>;
