import { dashboard } from './dashboard.ts';
import { graph, stat } from './panels.ts';

const accepted = 'formbus_submissions_accepted_total{form=~"$form"}';
const refused = 'formbus_submissions_refused_total{form=~"$form"}';
const unavailable = 'formbus_submissions_refused_total{form=~"$form",code="503"}';
const publish = 'sum by (le) (rate(formbus_publish_seconds_bucket{form=~"$form"}[$__rate_interval]))';
const batch = 'formbus_publish_batch_events';

export const accept = dashboard({
  name: 'accept',
  title: 'intake',
  about: 'What the forms take, what they refuse and why, and how long a submission waits for its 202.',
  by: { variable: 'form', label: 'form', metric: 'formbus_submissions_accepted_total' },
  panels: [
    stat('Alerts', 'count(ALERTS{alertstate="firing"}) or vector(0)', {
      good: 'Alerts that fire now, of all of Formbus; what each one means is in knative/README.md. Good: 0.',
      bad: 1,
    }),
    stat('Accepted', `sum(rate(${accepted}[$__rate_interval]))`, {
      good: 'Submissions a second that were answered 202 or 303. Good: what you are used to at this hour.',
      unit: 'reqps',
    }),
    stat(
      'Turned away (503)',
      `(sum(rate(${unavailable}[5m])) or vector(0)) / clamp_min(sum(rate(${accepted}[5m])) + (sum(rate(${refused}[5m])) or vector(0)), 0.001)`,
      {
        good: 'Share of submissions in five minutes for which Kafka gave no acknowledgement in time. Good: 0 %.',
        unit: 'percentunit',
        warn: 0.001,
        bad: 0.01,
      },
    ),
    stat('Wait for the 202, p99', `histogram_quantile(0.99, ${publish})`, {
      good: 'From the complete body to the acknowledged event. Good: below 100 ms; a form gives up after 4.5 s.',
      unit: 's',
      warn: 0.25,
      bad: 1,
    }),
    stat('Refused', `sum(rate(${refused}[$__rate_interval])) or vector(0)`, {
      good: 'Submissions a second that were refused for whichever reason. Good: few beside the accepted ones.',
      unit: 'reqps',
    }),
    stat('Accepted in 24 h', `sum(increase(${accepted}[24h]))`, {
      good: 'Good: what you are used to on such a day. 0 is a form that nobody finds, or that answers nobody.',
    }),
    graph(
      'Accepted',
      { '{{form}}': `sum by (form) (rate(${accepted}[$__rate_interval]))` },
      {
        good: 'Submissions a second by form.',
        unit: 'reqps',
        stacked: true,
      },
    ),
    graph(
      'Refused, and why',
      { '{{code}} {{reason}}': `sum by (code, reason) (rate(${refused}[$__rate_interval]))` },
      {
        good: '422 is people who mistype; 503 is Formbus. Good: no 503, and no sudden other one.',
        unit: 'reqps',
        stacked: true,
      },
    ),
    graph(
      'Wait for the 202',
      { p50: `histogram_quantile(0.5, ${publish})`, p99: `histogram_quantile(0.99, ${publish})` },
      {
        good: 'Good: p50 below 20 ms, p99 below 100 ms. Both rise together when Kafka is slow, p99 alone with cold starts.',
        unit: 's',
      },
    ),
    graph(
      'Events in a request to Kafka',
      {
        mean: `sum(rate(${batch}_sum[$__rate_interval])) / sum(rate(${batch}_count[$__rate_interval]))`,
        p99: `histogram_quantile(0.99, sum by (le) (rate(${batch}_bucket[$__rate_interval])))`,
      },
      {
        good: 'Grows with the load, that is how it is carried. Good: far from 500, the most that one takes.',
      },
    ),
  ],
});
