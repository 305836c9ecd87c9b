import type { AlertCase } from './case.ts';

export const events: Record<string, AlertCase> = {
  EventsPileUp: {
    fires: {
      series: {
        'kafka_consumergroup_lag{consumergroup="g",topic="t",partition="0"}': '101x60',
        'kafka_consumergroup_lag{consumergroup="g",topic="t",partition="1"}': '-1x60',
        'kafka_consumergroup_lag{consumergroup="g",topic="t",partition="2"}': '-1x60',
      },
      at: '45m',
      labels: { consumergroup: 'g' },
    },
    // A large lag that shrinks. For another group, an event in retry that holds back the commit of finished events.
    silent: {
      series: {
        'kafka_consumergroup_lag{consumergroup="g",topic="t",partition="0"}': '9000-50x60',
        'kafka_consumergroup_lag{consumergroup="knative-trigger-formbus-sheets-buffer-some-more",topic="t",partition="0"}':
          '0+20x60',
        'formbus_task_events_total{service="sheets-buffer",code="204"}': '0+200x60',
        'formbus_task_events_total{service="sheets-buffer",code="503"}': '0+1x60',
      },
      at: '45m',
    },
  },
  TriggerStandsStill: {
    fires: {
      series: {
        'kafka_consumergroup_lag{consumergroup="knative-trigger-formbus-send-confirmation",topic="t",partition="0"}':
          '60x60',
        'formbus_task_events_total{service="send-confirmation",code="503"}': '0+20x60',
        'formbus_task_events_total{service="send-confirmation",code="204"}': '90x60',
        'formbus_task_events_total{service="send-confirmation",code="409"}': '0+1x60',
        // Neither old successes count, nor those of a task whose name is a prefix.
        'formbus_task_events_total{service="send",code="204"}': '0+20x60',
      },
      at: '45m',
      labels: { consumergroup: 'knative-trigger-formbus-send-confirmation' },
    },
    silent: {
      series: {
        // The same lag with some success; and the KafkaSource, which has no task.
        'kafka_consumergroup_lag{consumergroup="knative-trigger-formbus-sheets-buffer-urgent",topic="t",partition="0"}':
          '60x60',
        'kafka_consumergroup_lag{consumergroup="formbus-form-submissions",topic="t",partition="0"}': '60x60',
        'formbus_task_events_total{service="sheets-buffer",code="503"}': '0+20x60',
        'formbus_task_events_total{service="sheets-buffer",code="204"}': '0+1x60',
      },
      at: '45m',
    },
  },
  DeadLetters: {
    fires: {
      series: {
        'kafka_topic_partition_current_offset{topic="form-dead-letters",partition="3"}': '7x10 8x30',
      },
      at: '14m',
      labels: {},
    },
    silent: {
      series: {
        'kafka_topic_partition_current_offset{topic="form-dead-letters",partition="3"}': '7x10 8x30',
        'kafka_topic_partition_current_offset{topic="form-events",partition="3"}': '0+100x40',
      },
      at: '30m',
    },
  },
};
