import { dashboard } from './dashboard.ts';
import { graph, stat } from './panels.ts';

const of = (metric: string) => `${metric}{kn_service_name=~"$service"}`;
const by = (metric: string) => `sum by (kn_service_name) (${of(metric)})`;
const requests = 'kn_serving_invocation_duration_seconds';
const failed = `${requests}_count{kn_service_name=~"$service",http_response_status_code=~"5.."}`;
// The activator names the revision only.
const queued = 'kn_revision_request_queued{kn_revision_name=~"($service)-[0-9]+"}';
const legend = '{{kn_service_name}}';

export const autoscaling = dashboard({
  name: 'autoscaling',
  title: 'autoscaling',
  about: 'Per service: instances wanted and ready, requests at them, and what they answer.',
  by: { variable: 'service', label: 'kn_service_name', metric: 'kn_revision_pods_count' },
  panels: [
    stat('Ready', `sum(${of('kn_revision_pods_count')})`, {
      good: 'Instances that take requests. Good: few when nothing comes; those that are always on, at least.',
    }),
    stat(
      'Missing',
      `clamp_min(sum(${of('kn_revision_pods_requested')}) - sum(${of('kn_revision_pods_count')}), 0)`,
      {
        good: 'Instances that are wanted and not ready. Good: 0, or back at 0 within seconds.',
        warn: 1,
        bad: 10,
      },
    ),
    stat('Waiting requests', `sum(${queued}) or vector(0)`, {
      good: 'Requests that wait for an instance. Good: 0, apart from moments of a cold start.',
      warn: 10,
      bad: 100,
    }),
    stat('Requests', `sum(rate(${of(`${requests}_count`)}[$__rate_interval]))`, {
      good: 'Requests a second at all instances.',
      unit: 'reqps',
    }),
    stat(
      'Failed (5xx)',
      `(sum(rate(${failed}[5m])) or vector(0)) / clamp_min(sum(rate(${of(`${requests}_count`)}[5m])), 0.001)`,
      {
        good: 'Share of answers in five minutes that were 5xx. A task answers 503 when something that it needs is down. Good: 0 %.',
        unit: 'percentunit',
        warn: 0.001,
        bad: 0.05,
      },
    ),
    stat(
      'Duration, p99',
      `histogram_quantile(0.99, sum by (le) (rate(${of(`${requests}_bucket`)}[$__rate_interval])))`,
      {
        good: 'Of a request at an instance. Good: below a second; a flush takes longer, and may.',
        unit: 's',
        warn: 5,
        bad: 30,
      },
    ),
    graph(
      'Instances ready',
      { [legend]: by('kn_revision_pods_count') },
      {
        good: 'Good: follows the requests, and goes back to nothing after them.',
        stacked: true,
      },
    ),
    graph(
      'Instances wanted',
      { [legend]: by('kn_revision_pods_desired') },
      {
        good: 'Good: the same picture as beside it. Higher for long: instances do not start, or the cluster is full.',
        stacked: true,
      },
    ),
    graph(
      'Requests under way',
      { [legend]: by('kn_revision_concurrency_stable') },
      {
        good: 'At all instances of a service together; divided by its target it gives the instances wanted.',
      },
    ),
    graph(
      'Requests',
      { [legend]: `sum by (kn_service_name) (rate(${of(`${requests}_count`)}[$__rate_interval]))` },
      {
        good: 'Requests a second by service. Instances that live shorter than two scrapes are not seen.',
        unit: 'reqps',
      },
    ),
    graph(
      'Answers',
      {
        '{{kn_service_name}} {{http_response_status_code}}': `sum by (kn_service_name, http_response_status_code) (rate(${of(`${requests}_count`)}[$__rate_interval]))`,
      },
      { good: 'By status. Good: 202 of forms, 200 and 204 of tasks.', unit: 'reqps', stacked: true },
    ),
    graph(
      'Duration, p99',
      {
        [legend]: `histogram_quantile(0.99, sum by (kn_service_name, le) (rate(${of(`${requests}_bucket`)}[$__rate_interval])))`,
      },
      { good: 'Of a request at an instance, the wait for one not included.', unit: 's' },
    ),
  ],
});
