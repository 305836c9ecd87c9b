import type { AlertCase } from './case.ts';

export const audit: Record<string, AlertCase> = {
  SubmissionsLost: {
    fires: {
      // The exporter has restarted since.
      every: '10m',
      series: { 'formbus_audit_lost{form="a"}': '3x2 _x60', 'formbus_audit_lost{form="b"}': '0x62' },
      at: '500m',
      labels: { form: 'a' },
    },
    silent: { every: '10m', series: { 'formbus_audit_lost{form="a"}': '3x2 0x60' }, at: '500m' },
  },
  SubmissionsDoubled: {
    fires: { series: { 'formbus_audit_duplicated{form="a"}': '1x20' }, at: '10m', labels: { form: 'a' } },
    silent: { series: { 'formbus_audit_duplicated{form="a"}': '0x20' }, at: '10m' },
  },
  AuditOverdue: {
    fires: { every: '10m', series: { formbus_audit_timestamp_seconds: '0x300' }, at: '49h', labels: {} },
    // Daily, and once two hours late.
    silent: { every: '10m', series: { formbus_audit_timestamp_seconds: '0x156 93600x300' }, at: '49h' },
  },
};
