/** Series in promtool's notation (`0+5x60`: 0, 5, 10, … sixty times), and the time of the evaluation. */
export interface Course {
  /** The interval of values and evaluations; a minute by default. */
  every?: string;
  series: Record<string, string>;
  at: string;
}

/** For each alert series with which it fires, with its labels then, and series with which it does not. */
export const CASES: Record<string, { fires: Course & { labels: Record<string, string> }; silent: Course }> = {
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
  RedisDown: {
    fires: { series: { formbus_redis_up: '1x5 0x20' }, at: '9m', labels: {} },
    silent: { series: { formbus_redis_up: '1x5 0 1x20' }, at: '9m' },
  },
  RedisWithoutReplica: {
    fires: { series: { formbus_redis_replicas: '2x5 0x20' }, at: '10m', labels: {} },
    silent: { series: { formbus_redis_replicas: '1x25' }, at: '10m' },
  },
  RedisFilling: {
    fires: {
      series: { formbus_redis_memory_used_bytes: '81x30', formbus_redis_memory_max_bytes: '100x30' },
      at: '20m',
      labels: {},
    },
    // Without maxmemory it cannot be full.
    silent: {
      series: { formbus_redis_memory_used_bytes: '81x30', formbus_redis_memory_max_bytes: '0x30' },
      at: '20m',
    },
  },
  RedisReplicaMissing: {
    fires: { series: { formbus_redis_replicas: '1x30' }, at: '20m', labels: {} },
    silent: { series: { formbus_redis_replicas: '2x10 1x10 2x20' }, at: '25m' },
  },
  RowsTooOld: {
    fires: {
      series: {
        'formbus_buffer_oldest_row_age_seconds{sheet="s"}': '0+60x30',
        'formbus_buffer_oldest_row_age_seconds{sheet="other"}': '30x30',
      },
      at: '20m',
      labels: { sheet: 's' },
    },
    silent: { series: { 'formbus_buffer_oldest_row_age_seconds{sheet="s"}': '840x30' }, at: '20m' },
  },
  SheetParked: {
    fires: {
      series: { 'formbus_sheet_parked{sheet="s",tab="form",reason="400"}': '1x20' },
      at: '10m',
      labels: { sheet: 's', tab: 'form', reason: '400' },
    },
    silent: { series: { 'formbus_sheet_parked{sheet="s",reason="403"}': '1x3' }, at: '12m' },
  },
  RowsRefused: {
    fires: { series: { 'formbus_refused_rows{sheet="s"}': '0x5 2x10' }, at: '8m', labels: { sheet: 's' } },
    silent: { series: { 'formbus_refused_rows{sheet="s"}': '2x5 0x10' }, at: '8m' },
  },
  QuotaExhausted: {
    fires: {
      series: { 'formbus_sheets_calls_total{method="batchUpdate",code="429"}': '0+5x120' },
      at: '80m',
      labels: {},
    },
    silent: {
      series: {
        'formbus_sheets_calls_total{method="batchUpdate",code="429"}': '0+5x10 50x110',
        'formbus_sheets_calls_total{method="batchUpdate",code="200"}': '0+30x120',
      },
      at: '80m',
    },
  },
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
