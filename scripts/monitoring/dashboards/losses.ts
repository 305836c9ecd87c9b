import { dashboard } from './dashboard.ts';
import { graph, stat } from './panels.ts';

const letters = 'kafka_topic_partition_current_offset{topic="form-dead-letters"}';

// The exporter forgets it when it is started anew.
const audit = (what: string) => `last_over_time(formbus_audit_${what}[26h])`;

export const losses = dashboard({
  name: 'losses',
  title: 'losses',
  about:
    'Whether what was accepted is where it belongs, once: what the audit found, and what was recognised as a duplicate.',
  panels: [
    stat('Lost', `sum(max by (form) (${audit('lost')}))`, {
      good: 'Accepted submissions that the last audit found nowhere. Good: 0, always. npm run audit -- --repair brings them back.',
      bad: 1,
    }),
    stat('Doubled', `sum(max by (form) (${audit('duplicated')}))`, {
      good: 'Submissions that stand in a sheet twice. Good: 0, always.',
      bad: 1,
    }),
    stat('Checked', `sum(max by (form) (${audit('checked_submissions')}))`, {
      good: 'Submissions that the last audit looked for. Good: as many as were accepted in its time.',
    }),
    stat('Since the last audit', `time() - max(last_over_time(formbus_audit_timestamp_seconds[3d]))`, {
      good: 'Good: below a day. Without an audit, the figures beside this say nothing about today.',
      unit: 's',
      warn: 90_000,
      bad: 172_800,
    }),
    stat('Dead letters', `sum(${letters})`, {
      good: 'So far, redriven ones included. What is in none of the other places is here, with its reason. Good: no more than yesterday.',
    }),
    stat(
      'Mails undecided in 24 h',
      'sum(increase(formbus_mails_total{outcome="unknown"}[24h])) or vector(0)',
      {
        good: 'Mails of which nobody knows whether they went out; each is a dead letter. Good: 0.',
        warn: 1,
        bad: 50,
      },
    ),
    graph(
      'The way of a submission',
      {
        accepted: 'sum(increase(formbus_submissions_accepted_total[1h]))',
        buffered: 'sum(increase(formbus_rows_buffered_total[1h]))',
        'in a sheet': 'sum(increase(formbus_flush_rows_total[1h]))',
        archived: 'sum(increase(formbus_archived_total[1h]))',
      },
      {
        good: 'In an hour. Good: four lines that lie on each other; flagged ones have a second row, in "Moderation".',
      },
    ),
    graph(
      'Duplicates that were recognised',
      { '{{service}}': 'sum by (service) (rate(formbus_duplicates_total[$__rate_interval]))' },
      {
        good: 'Events and submissions that came again and counted once. Some are normal after a restart or a time-out.',
        unit: 'reqps',
      },
    ),
    graph(
      'Audit',
      {
        'lost {{form}}': `max by (form) (${audit('lost')})`,
        'doubled {{form}}': `max by (form) (${audit('duplicated')})`,
      },
      { good: 'By form. Good: nothing above 0.' },
    ),
    graph(
      'Mails',
      { '{{outcome}}': 'sum by (outcome) (rate(formbus_mails_total[$__rate_interval]))' },
      {
        good: 'sent; again = later; refused and unknown = dead letters; over = above the cap a day. Good: sent.',
        unit: 'reqps',
        stacked: true,
      },
    ),
    graph(
      'Flagged for moderators',
      { '{{form}}': 'sum by (form) (increase(formbus_flagged_total[1h]))' },
      {
        good: 'In an hour, by form. A wave of them is a spammer.',
      },
    ),
    graph('Dead letters', { 'in 15 minutes': `sum(increase(${letters}[15m]))` }, { good: 'Good: nothing.' }),
  ],
});
