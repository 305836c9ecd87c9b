import * as v from 'valibot';

/**
 * All metrics of functions, by their names in Prometheus; both the functions and the task that keeps the totals read them here. Each
 * also has the label `service`. Labels have few, known values, or ids of spreadsheets: never text that people type.
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
    help: 'POSTs to a form that were answered with an error, by HTTP status and reason.',
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
    help: 'Events that a task answered, by HTTP status: 2xx done, 503 will be retried, 400 dead letter.',
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
    help: 'Rows added to the buffer.',
  },
  formbus_flush_seconds: {
    kind: 'histogram',
    labels: [],
    buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250],
    help: 'Duration of a run over all spreadsheets.',
  },
  formbus_flush_rows_total: {
    kind: 'counter',
    labels: ['sheet'],
    help: 'Rows that a run wrote or found written, by spreadsheet.',
  },
  formbus_sheets_calls_total: {
    kind: 'counter',
    labels: ['method', 'code'],
    help: 'Calls to Google Sheets by HTTP status; none = no answer, 429 = the quota is used up.',
  },
  formbus_mails_total: {
    kind: 'counter',
    labels: ['outcome'],
    help: 'Mails by outcome: sent, again (the server is unavailable), deferred (the recipient is), refused, unknown (no answer), over, over-domain, over-form (the daily caps).',
  },
  formbus_later_total: {
    kind: 'counter',
    labels: ['outcome'],
    help: "Events in a task's own queue by outcome: queued, again, done, dead (a dead letter).",
  },
  formbus_flagged_total: {
    kind: 'counter',
    labels: ['form'],
    help: 'Submissions flagged for moderators.',
  },
  formbus_archived_total: {
    kind: 'counter',
    labels: ['form'],
    help: 'Submissions added to the archive.',
  },
  formbus_audit_lost: {
    kind: 'gauge',
    labels: ['form'],
    help: 'Accepted submissions that the last audit found lost.',
  },
  formbus_audit_duplicated: {
    kind: 'gauge',
    labels: ['form'],
    help: 'Submissions that the last audit found duplicated.',
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
  /** Of a histogram: upper bounds in ascending order. */
  buckets?: readonly number[];
}

/** Longest value of a label in a push, in characters. */
export const longestLabel = 200;

const Text = v.pipe(v.string(), v.maxLength(longestLabel));
const Count = v.pipe(v.number(), v.finite(), v.minValue(0));
const common = { name: Text, labels: v.pipe(v.array(Text), v.maxLength(10)) };

/** What one process counted since its last push: increments, and the values of gauges. */
export const Push = v.object({
  service: Text,
  /** A random id of the process, and the number of its push: a repeated push counts once. */
  process: v.pipe(v.string(), v.uuid()),
  sequence: v.pipe(v.number(), v.integer(), v.minValue(1)),
  series: v.array(
    v.union([
      v.object({ ...common, value: v.pipe(v.number(), v.finite()) }),
      /** Observations by bucket; the last bucket is above all bounds. */
      v.object({
        ...common,
        counts: v.pipe(v.array(Count), v.maxLength(50)),
        sum: v.pipe(v.number(), v.finite()),
      }),
    ]),
  ),
});
export type Push = v.InferOutput<typeof Push>;
