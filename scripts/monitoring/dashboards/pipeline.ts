import { dashboard } from './dashboard.ts';
import { graph, stat } from './panels.ts';

const letters = 'kafka_topic_partition_current_offset{topic="form-dead-letters"}';
// Kafka's exporter says -1 of a partition of which a group has committed nothing yet.
const lag = 'clamp_min(kafka_consumergroup_lag, 0)';
const age = 'formbus_buffer_oldest_row_age_seconds';

export const pipeline = dashboard({
  name: 'pipeline',
  title: 'pipeline',
  about: 'What is on its way between the 202 and the sheet, how old it is, and what tasks say to it.',
  panels: [
    stat('Oldest row in Redis', `max(${age}) or vector(0)`, {
      good: 'How long the oldest buffered row waits for its sheet. Good: below two minutes, for a flush comes each minute.',
      unit: 's',
      warn: 300,
      bad: 900,
    }),
    stat('Rows in Redis', 'sum(formbus_buffer_rows) or vector(0)', {
      good: 'Rows that are buffered for a sheet. Good: about what a minute brings.',
      warn: 5_000,
      bad: 50_000,
    }),
    stat('Events waiting', `sum(${lag})`, {
      good: 'Events that a consumer group has not done with, all groups together. Good: near 0 when nothing is retried.',
      warn: 100,
      bad: 10_000,
    }),
    stat('Dead letters in 24 h', `sum(increase(${letters}[24h]))`, {
      good: 'Events that a task refused for good or could not take for a day and a half. Good: 0. See npm run dead-letters.',
      warn: 1,
      bad: 100,
    }),
    stat('Good replicas of Redis', 'min(formbus_redis_replicas) or 0 * min(formbus_redis_up)', {
      good: 'Replicas that have what the master has. Good: 2. At 0, or without a master, no row counts as buffered; events wait in Kafka.',
      least: 1,
    }),
    stat(
      'Redis filled',
      'max(formbus_redis_memory_used_bytes / (formbus_redis_memory_max_bytes > 0)) or vector(0)',
      {
        good: 'Of what it may hold; full, it refuses rows. Good: below 50 %.',
        unit: 'percentunit',
        warn: 0.5,
        bad: 0.8,
      },
    ),
    graph(
      'Events waiting',
      { '{{consumergroup}}': `sum by (consumergroup) (${lag})` },
      {
        good: 'By consumer group: knative-trigger-… is a Trigger, formbus-form-submissions the way from the topic to the Broker. Good: falls after each peak.',
      },
    ),
    graph(
      'Oldest row in Redis',
      { '{{sheet}}': `max by (sheet) (${age})` },
      {
        good: 'Good: a saw below a minute or two. One line that rises alone is a parked sheet; all together, no flush.',
        unit: 's',
      },
    ),
    graph(
      'What tasks answer',
      {
        '{{service}} {{code}}': 'sum by (service, code) (rate(formbus_task_events_total[$__rate_interval]))',
      },
      {
        good: '2xx done, 503 tried again later, 409 a flush that Google did not take, 400 a dead letter. Good: 2xx only.',
        unit: 'reqps',
        stacked: true,
      },
    ),
    graph(
      'Duration of a task, p99',
      {
        '{{service}}':
          'histogram_quantile(0.99, sum by (service, le) (rate(formbus_task_seconds_bucket[$__rate_interval])))',
      },
      {
        good: 'Good: below a second. The Broker gives up after 60 s and tries again.',
        unit: 's',
      },
    ),
    graph(
      'Rows in Redis',
      { '{{sheet}}': 'sum by (sheet) (formbus_buffer_rows)' },
      {
        good: 'By spreadsheet. Good: goes back to near nothing each minute.',
        stacked: true,
      },
    ),
    graph(
      'Tried again later',
      { '{{task}}': 'max by (task) (formbus_later_events)' },
      {
        good: "Events in the own queue of a task, as mails whose recipient can't be mailed now. Good: falls within hours; what is tried in vain becomes a dead letter.",
      },
    ),
    graph(
      'Oldest that is tried again',
      { '{{task}}': 'max by (task) (formbus_later_oldest_age_seconds)' },
      { good: 'Good: below the time for which the task tries, MAIL_RETRY_HOURS for mails.', unit: 's' },
    ),
    graph(
      'Dead letters',
      { 'so far': `sum(${letters})` },
      {
        good: 'The end of their topic; the mark that a redrive leaves there counts as well. Good: flat.',
      },
    ),
  ],
});
