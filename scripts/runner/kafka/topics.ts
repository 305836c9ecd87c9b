import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin, ITopicConfig } from 'kafkajs';
import type { Log } from '../log.ts';
import type { KafkaTopic } from '../../manifests/types.ts';

/**
 * Makes the topics that are missing, with no more replicas than there are brokers. What stands already is left as it is.
 * @returns what is other than the manifests say, a line each
 * @throws Error when a topic of `needed` is neither there nor among the manifests
 */
export async function makeTopics({
  admin,
  topics,
  needed,
  log,
}: {
  admin: Admin;
  topics: KafkaTopic[];
  /** Topics that are written or read, with the file that says so. */
  needed: { topic: string; file: string }[];
  log: Log;
}): Promise<string[]> {
  const { brokers } = await admin.describeCluster();
  const there = await admin.listTopics();
  const local = topics.map((topic) => capped(topic, brokers.length));
  const missing = local.filter(({ topic }) => !there.includes(topic));
  const wanted = missing.map(({ topic, partitions: numPartitions, replicas: replicationFactor, config }) => ({
    topic,
    numPartitions,
    replicationFactor,
    configEntries: Object.entries(config).map(([name, value]) => ({ name, value })),
  }));
  if (wanted.length > 0) await createTopics(admin, wanted);
  await compare(
    admin,
    topics.filter(({ topic }) => there.includes(topic)),
    log,
  );
  for (const { topic, file } of needed) {
    const known = there.includes(topic) || topics.some((one) => one.topic === topic);
    if (!known) throw new Error(`${file}: there is no topic ${topic}, and no KafkaTopic of that name`);
  }
  return local
    .filter(({ changes }) => changes.length > 0)
    .map(({ topic, changes }) => `${topic}: ${changes.join(' ')}  as there ${counted(brokers.length)}`);
}

/** What our own Kafka has for topics that don't say (`default.replication.factor`). */
const DEFAULT_REPLICAS = 3;

/** For all brokers of a cluster to hear of a new topic. */
const knownWithinMs = 30_000;

/**
 * Makes topics, and waits until their leaders answer; a broker may be named as leader before it knows that itself.
 * kafkajs's own waiting gives up at a broker that has not heard of the topic yet.
 * @throws Error when one does not answer after half a minute
 */
export async function createTopics(admin: Admin, topics: ITopicConfig[]): Promise<void> {
  await admin.createTopics({ waitForLeaders: false, topics });
  const deadline = performance.now() + knownWithinMs;
  for (;;) {
    try {
      const found = await admin.fetchTopicMetadata({ topics: topics.map(({ topic }) => topic) });
      const led = found.topics.every(({ partitions }) => partitions.every(({ leader }) => leader >= 0));
      if (!led) throw new Error('new topics have no leader');
      await Promise.all(topics.map(({ topic }) => admin.fetchTopicOffsets(topic)));
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await sleep(100);
  }
}

/** Fewer brokers than replicas would be refused; fewer replicas than `min.insync.replicas` would take no record. */
function capped({ replicas: wanted = DEFAULT_REPLICAS, ...topic }: KafkaTopic, brokers: number) {
  const replicas = Math.min(wanted, brokers);
  const minimum = topic.config['min.insync.replicas'];
  const changes = replicas < wanted ? [`replicas=${replicas}`] : [];
  if (minimum === undefined || Number(minimum) <= replicas) return { ...topic, replicas, changes };
  changes.push(`min.insync.replicas=${replicas}`);
  const config = { ...topic.config, 'min.insync.replicas': String(replicas) };
  return { ...topic, replicas, config, changes };
}

async function compare(admin: Admin, topics: KafkaTopic[], log: Log) {
  if (topics.length === 0) return;
  const metadata = await admin.fetchTopicMetadata({ topics: topics.map(({ topic }) => topic) });
  for (const { file, topic, partitions } of topics) {
    const has = metadata.topics.find(({ name }) => name === topic)?.partitions.length;
    if (has === partitions) continue;
    log.warn(
      { from: 'kafka', topic, has, wanted: partitions },
      `the topic's partitions are not those of ${file}`,
    );
  }
}

function counted(brokers: number): string {
  return brokers === 1 ? 'is one broker' : `are ${brokers} brokers`;
}
