import { expect, onTestFinished, test, vi } from 'vitest';
import { allMetrics } from './all-metrics.ts';
import { publish, startBroker, triggerOf } from '../broker/broker-testing.ts';
import type { KafkaConnection } from '../kafka/connection.ts';
import { openMetrics } from './metrics.ts';
import { openServices } from '../serving/services.ts';
import { launcher, recordingLog, service } from '../serving/testing.ts';

const exporter = `
import { createServer } from 'node:http';
const answers = { '/metrics': [200, 'formbus_redis_up 1\\n'], '/task': [204, ''] };
createServer((req, res) => {
  const [status, text] = process.env.BROKEN ? [500, ''] : answers[req.url];
  res.writeHead(status).end(req.url === '/metrics' && req.method !== 'GET' ? 'no GET' : text);
}).listen(process.env.PORT, process.env.HOST);
process.once('SIGTERM', () => process.exit(0));
`;

/** A Broker whose Trigger "refused" makes dead letters, and whose Trigger "slow" never ends. */
async function open({ env = {} }: { env?: Record<string, string> } = {}) {
  const metrics = openMetrics();
  const services = openServices({
    services: ['metrics', 'task'].map((name) => service({ name, target: 50 })),
    launch: launcher(exporter, { env }),
    answered: metrics.answered,
    log: recordingLog(),
  });
  onTestFinished(() => services.close(500));
  const broker = await startBroker({
    triggers: ['refused', 'slow'].map((name) => triggerOf(name)),
    send: (to) =>
      'service' in to && to.service === 'refused'
        ? Promise.resolve({ status: 400, headers: {}, body: Buffer.alloc(0) })
        : new Promise(() => {}),
  });
  const sinks = ['dead', 'other'].map((topic) => ({
    name: topic,
    file: '',
    topic,
    contentMode: 'binary' as const,
  }));
  const brokerManifest = { name: 'formbus', file: '', topic: 'form-events' };
  const scrape = async (kafka?: Pick<KafkaConnection, 'figures'>) =>
    (await allMetrics({ metrics, services, broker, brokerManifest, sinks, kafka })).split('\n');
  return { broker, services, scrape };
}

const labels = (name: string) =>
  `kn_service_name="${name}",kn_configuration_name="${name}",kn_revision_name="${name}-00001"`;

test("services are reported by Knative's names: what is wanted, ready and under way, and each answer with its status and duration", async () => {
  const { services, scrape } = await open();
  const body = Buffer.alloc(0);
  const to = { service: 'task', path: '/task' };
  for (let i = 0; i < 3; i += 1) await services.send(to, { headers: {}, body }, new AbortController().signal);
  const lines = await scrape();
  expect(lines).toContain(
    `kn_serving_invocation_duration_seconds_count{${labels('task')},http_response_status_code="204"} 3`,
  );
  for (const name of ['pods_desired', 'pods_requested', 'pods_count'])
    expect(lines).toContain(`kn_revision_${name}{${labels('task')}} 1`);
  expect(lines).toContain(`kn_revision_concurrency_target{${labels('task')}} 50`);
  for (const name of ['pods_not_ready_count', 'concurrency_stable', 'request_queued'])
    expect(lines).toContain(`kn_revision_${name}{${labels('task')}} 0`);
  services.reconcile([service({ name: 'metrics' })], new Set());
  const later = await scrape();
  expect(later.filter((line) => line.startsWith('kn_revision_') && line.includes('"task"'))).toEqual([]);
});

test("events are reported by the names of Kafka's exporter: what waits for a Trigger, and the dead letters so far", async () => {
  const { broker, scrape } = await open();
  for (const id of ['1', '2']) await publish(broker.url, { id });
  await vi.waitFor(() => expect(broker.letters()).toEqual(new Map([['dead', 2]])));
  const lines = await scrape();
  const lag = (trigger: string) =>
    `kafka_consumergroup_lag{consumergroup="knative-trigger-formbus-${trigger}",topic="form-events",partition="0"}`;
  expect(lines).toContain(`${lag('refused')} 0`);
  expect(lines).toContain(`${lag('slow')} 2`);
  expect(lines).toContain('kafka_topic_partition_current_offset{topic="dead",partition="0"} 2');
  expect(lines).toContain('kafka_topic_partition_current_offset{topic="other",partition="0"} 0');
});

test('with a Kafka its figures take the place of the file; without its answer they are missing, and the rest is there', async () => {
  const { scrape } = await open();
  const lags = [{ consumergroup: 'g', topic: 't', partition: 3, lag: 7 }];
  const lines = await scrape({
    figures: () => Promise.resolve({ lags, offsets: [{ topic: 'dead', partition: 1, offset: 9 }] }),
  });
  expect(lines).toContain('kafka_consumergroup_lag{consumergroup="g",topic="t",partition="3"} 7');
  expect(lines.filter((line) => line.startsWith('kafka_topic'))).toEqual([
    'kafka_topic_partition_current_offset{topic="dead",partition="1"} 9',
  ]);
  const without = await scrape({ figures: () => Promise.reject(new Error('no broker\nanswers')) });
  expect(without).toContain('# without Kafka: no broker answers');
  expect(without).toContain(`kn_revision_pods_count{${labels('task')}} 0`);
  expect(without.filter((line) => line.startsWith('kafka_topic'))).toEqual([]);
});

test('what the function metrics says is part of it; when that one fails, the rest is there', async () => {
  const whole = await open();
  expect(await whole.scrape()).toContain('formbus_redis_up 1');
  const broken = await open({ env: { BROKEN: '1' } });
  const lines = await broken.scrape();
  expect(lines).toContain('# without metrics: it answers 500');
  expect(lines).toContain(`kn_revision_concurrency_target{${labels('metrics')}} 50`);
});
