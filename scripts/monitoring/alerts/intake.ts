import type { AlertCase } from './case.ts';

export const intake: Record<string, AlertCase> = {
  FormUnavailable: {
    fires: {
      series: {
        'formbus_submissions_accepted_total{form="a",service="a"}': '0+600x30',
        'formbus_submissions_refused_total{form="a",service="a",code="503",reason="not-acknowledged"}':
          '0+12x30',
        'formbus_submissions_accepted_total{form="b",service="b"}': '0+600x30',
      },
      at: '20m',
      labels: { form: 'a' },
    },
    silent: {
      series: {
        'formbus_submissions_accepted_total{form="a",service="a"}': '0+600x30',
        'formbus_submissions_refused_total{form="a",service="a",code="503",reason="not-acknowledged"}':
          '0+1x30',
        'formbus_submissions_refused_total{form="a",service="a",code="422",reason="fields"}': '0+300x30',
      },
      at: '20m',
    },
  },
  FunctionDoesNotStart: {
    fires: {
      series: {
        'kn_revision_pods_requested{kn_service_name="a",kn_revision_name="a-00002"}': '1x20',
        'kn_revision_pods_count{kn_service_name="a",kn_revision_name="a-00002"}': '0x20',
      },
      at: '10m',
      labels: { kn_service_name: 'a' },
    },
    silent: {
      series: {
        // A new revision starts while the old one answers; the other service has no requests.
        'kn_revision_pods_requested{kn_service_name="a",kn_revision_name="a-00002"}': '1x20',
        'kn_revision_pods_count{kn_service_name="a",kn_revision_name="a-00002"}': '0x20',
        'kn_revision_pods_count{kn_service_name="a",kn_revision_name="a-00001"}': '1x20',
        'kn_revision_pods_requested{kn_service_name="b",kn_revision_name="b-00001"}': '0x20',
        'kn_revision_pods_count{kn_service_name="b",kn_revision_name="b-00001"}': '0x20',
      },
      at: '10m',
    },
  },
};
