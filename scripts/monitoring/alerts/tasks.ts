import type { AlertCase } from './case.ts';

export const tasks: Record<string, AlertCase> = {
  TaskUnavailable: {
    fires: {
      series: {
        'formbus_task_events_total{service="archive",code="503"}': '0+60x60',
        'formbus_task_events_total{service="archive",code="204"}': '0+10x60',
        'formbus_task_events_total{service="demo-task",code="204"}': '0+10x60',
      },
      at: '40m',
      labels: { service: 'archive' },
    },
    silent: {
      series: {
        'formbus_task_events_total{service="archive",code="503"}': '0+10x60',
        'formbus_task_events_total{service="archive",code="204"}': '0+60x60',
      },
      at: '40m',
    },
  },
  MailsUndecided: {
    // The first mail ever starts the series, for which the exporter reports 0 once.
    fires: { series: { 'formbus_mails_total{outcome="unknown"}': '_x90 0 1x60' }, at: '100m', labels: {} },
    silent: {
      series: {
        'formbus_mails_total{outcome="unknown"}': '1x200',
        'formbus_mails_total{outcome="sent"}': '0+9x200',
      },
      at: '150m',
    },
  },
};
