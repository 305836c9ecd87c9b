import { join } from 'node:path';
import { kafkaClient } from '../../runner/kafka/client.ts';
import { makeTopics } from '../../runner/kafka/topics.ts';
import { startKafka } from '../../runner/kafka/server/server.ts';
import { loadManifests } from '../../manifests/manifests.ts';
import type { Log } from '../../runner/log.ts';

/** A broker on the core of the load, with the topics of the manifests. */
export async function startBenchKafka(root: string, dir: string) {
  const kafka = await startKafka({ dir: join(dir, 'kafka'), log: quiet, say: () => {} });
  const admin = kafkaClient(kafka.url).admin();
  await admin.connect();
  await makeTopics({ admin, topics: loadManifests(root).kafkaTopics, needed: [], log: quiet });
  await admin.disconnect();
  return kafka;
}

const quiet: Log = { info() {}, warn() {}, error() {} };
