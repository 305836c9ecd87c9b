import type { AlertCase } from './case.ts';

export const metrics: Record<string, AlertCase> = {
  FiguresMissing: {
    fires: {
      series: {
        formbus_redis_up: '1x30',
        'kn_revision_pods_count{kn_service_name="a"}': '0x30',
      },
      at: '20m',
      labels: { of: 'Kafka' },
    },
    silent: {
      series: {
        formbus_redis_up: '0x30',
        'kn_revision_pods_count{kn_service_name="a"}': '0x30',
        'kafka_topic_partition_current_offset{topic="t",partition="0"}': '0x30',
      },
      at: '20m',
    },
  },
};
