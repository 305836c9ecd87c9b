import { Cron } from 'croner';
import * as v from 'valibot';
import { ownAnnotations } from '../annotations.ts';
import { DeliverySchema } from './delivery-schema.ts';
import { AttributesFilterSchema, FilterSchema } from '../../events/trigger-filter.ts';
import type { Subscriber } from '../types.ts';
import { keys, metadataOf, Name, NoKeys } from './metadata-schema.ts';

/** Broker, Trigger, PingSource and ConfigMap as far as the one-machine runner honours them; other fields are refused. */
const absoluteUri = v.pipe(
  v.string(),
  v.url('must be an absolute URI'),
  v.regex(/^https?:/, 'must be http(s)'),
);

const ServiceRef = v.strictObject({
  apiVersion: v.literal(
    'serving.knative.dev/v1',
    'must be serving.knative.dev/v1: only Services and URIs are called',
  ),
  kind: v.literal('Service', 'must be Service: only Services and URIs are called'),
  name: v.string(),
});

/** Where events are sent: a Service, with a path below it if wanted, or an absolute URI. */
export const Destination = v.pipe(
  v.strictObject({ ref: v.optional(ServiceRef), uri: v.optional(v.string()) }),
  v.rawTransform(({ dataset, addIssue, NEVER }): Subscriber => {
    const { ref, uri } = dataset.value;
    if (ref) {
      const path = new URL(uri ?? '/', 'http://service/');
      if (path.host === 'service') return { service: ref.name, path: path.pathname + path.search };
      addIssue({ message: 'uri must be relative when there is a ref' });
      return NEVER;
    }
    const absolute = v.safeParse(absoluteUri, uri);
    if (absolute.success) return { uri: absolute.output };
    addIssue({ message: 'must have a ref to a Service or an absolute uri' });
    return NEVER;
  }),
);

export const TriggerSchema = v.strictObject({
  apiVersion: v.literal('eventing.knative.dev/v1'),
  kind: v.literal('Trigger'),
  metadata: metadataOf('Trigger'),
  spec: v.strictObject({
    broker: v.string(),
    filter: v.optional(AttributesFilterSchema),
    filters: v.optional(v.array(FilterSchema), []),
    subscriber: Destination,
    delivery: v.optional(DeliverySchema),
  }),
});

export const BrokerSchema = v.strictObject({
  apiVersion: v.literal('eventing.knative.dev/v1'),
  kind: v.literal('Broker'),
  metadata: v.strictObject({
    name: Name,
    annotations: v.optional(
      keys({
        'eventing.knative.dev/broker.class': v.optional(v.literal('Kafka')),
        // Where a cluster's Broker keeps its events; the runner's has a log of its own.
        'kafka.eventing.knative.dev/external.topic': v.optional(v.string()),
      }),
      {},
    ),
    labels: NoKeys,
  }),
  spec: v.strictObject({
    config: v.optional(
      v.strictObject({ apiVersion: v.literal('v1'), kind: v.literal('ConfigMap'), name: v.string() }),
    ),
    delivery: v.optional(DeliverySchema),
  }),
});

/** What croner reads beyond the cron of Knative (robfig/cron): last days, nearest weekdays, n-th weekdays, years. */
const CRONER_ONLY = /#|\bL\b|\dL|\dW|\+/;

const Schedule = v.pipe(
  v.string(),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    try {
      if (CRONER_ONLY.test(dataset.value)) throw new Error('Knative has no L, W, # and +');
      new Cron(dataset.value, { paused: true, mode: '5-or-6-parts' }).stop();
    } catch (error) {
      addIssue({ message: `"${dataset.value}" is not a cron schedule: ${String(error)}` });
    }
  }),
);

const Timezone = v.pipe(
  v.string(),
  v.check((name) => {
    try {
      return Boolean(new Intl.DateTimeFormat('en', { timeZone: name }));
    } catch {
      return false;
    }
  }, 'is not a time zone such as Europe/Berlin'),
);

export const PingSourceSchema = v.strictObject({
  apiVersion: v.literal('sources.knative.dev/v1'),
  kind: v.literal('PingSource'),
  metadata: metadataOf('PingSource'),
  spec: v.strictObject({
    schedule: v.optional(Schedule, '* * * * *'),
    timezone: v.optional(Timezone),
    contentType: v.optional(v.string()),
    data: v.optional(v.string()),
    sink: Destination,
  }),
});

export const ConfigMapSchema = v.strictObject({
  apiVersion: v.literal('v1'),
  kind: v.literal('ConfigMap'),
  metadata: v.strictObject({
    name: v.string(),
    annotations: v.optional(v.pipe(v.record(v.string(), v.string()), ownAnnotations('ConfigMap')), {}),
    labels: v.optional(v.record(v.string(), v.string())),
  }),
  data: v.optional(v.record(v.string(), v.string('must be text; put it in quotes')), {}),
});
