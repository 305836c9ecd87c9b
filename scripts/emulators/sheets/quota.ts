import { GoogleError } from './grid/google-error.ts';
import { seen } from './grid/texts.ts';

/** Requests per minute. Google's defaults: https://developers.google.com/workspace/sheets/api/limits */
export interface QuotaLimits {
  perUser: number;
  perProject: number;
}

export type QuotaMetric = 'read' | 'write';

/** Counts one request of a user, or throws the 429 that Google answers; a refused one is not counted. */
export type Quota = (metric: QuotaMetric, user: string) => void;

const MINUTE_MS = 60_000;
const PROJECT = '000000000000';

/** Fixed windows of a minute, each full again when the next begins. */
export function createQuota({ perUser, perProject }: QuotaLimits, now: () => number): Quota {
  let minute = 0;
  const used = new Map<string, number>();

  return function take(metric, user) {
    const current = Math.floor(now() / MINUTE_MS);
    if (current !== minute) {
      minute = current;
      used.clear();
    }
    const scopes = [
      { key: `${metric} user ${user}`, limit: perUser, user: true },
      { key: `${metric} project`, limit: perProject, user: false },
    ];
    for (const scope of scopes) {
      if ((used.get(scope.key) ?? 0) >= scope.limit) throw exhausted(metric, scope);
    }
    for (const { key } of scopes) used.set(key, (used.get(key) ?? 0) + 1);
  };
}

function exhausted(metric: QuotaMetric, { limit, user }: { limit: number; user: boolean }): GoogleError {
  const Metric = metric === 'read' ? 'Read' : 'Write';
  const message = seen.quota(
    `${Metric} requests`,
    `${Metric} requests per minute${user ? ' per user' : ''}`,
    `project_number:${PROJECT}`,
  );
  return new GoogleError(429, 'RESOURCE_EXHAUSTED', message, [
    {
      '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
      reason: 'RATE_LIMIT_EXCEEDED',
      domain: 'googleapis.com',
      metadata: {
        service: 'sheets.googleapis.com',
        consumer: `projects/${PROJECT}`,
        quota_metric: `sheets.googleapis.com/${metric}_requests`,
        quota_limit: `${Metric}RequestsPerMinutePer${user ? 'User' : 'Project'}`,
        quota_limit_value: String(limit),
        quota_unit: user ? '1/min/{project}/{user}' : '1/min/{project}',
        quota_location: 'global',
      },
    },
    {
      '@type': 'type.googleapis.com/google.rpc.Help',
      links: [
        {
          description: 'Request a higher quota limit.',
          url: 'https://cloud.google.com/docs/quotas/help/request_increase',
        },
      ],
    },
  ]);
}
