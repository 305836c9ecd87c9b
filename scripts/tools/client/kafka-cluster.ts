import { Kafka, logLevel, type KafkaConfig } from 'kafkajs';
import { readEnv } from '../../../functions/lib/runtime/env.ts';
import { connectionOf, kafkaEnv } from '../../../functions/lib/publish/kafka-env.ts';
import { scheduleOnlyIfPending } from '../../../functions/lib/publish/kafka-timers.ts';
import type { CloudEvent } from '../../events/cloud-event.ts';
import { recordOf } from '../../events/kafka-record.ts';
import { openTasks, type HandOver } from './kafka-tasks.ts';

scheduleOnlyIfPending();

/** A Formbus on a cluster: its Kafka, and its tasks through the internal gateway. */
export interface Cluster {
  client: Kafka;
  /** The topic whose events the KafkaSource brings to the Broker. */
  formsTopic: string;
  /** Writes an event to a topic; resolves when all in-sync replicas have it. */
  write(topic: string, event: CloudEvent): Promise<void>;
  handOver: HandOver;
  close(): Promise<void>;
}

/** The lines of a tool's help on `clusterOptions`. */
export const clusterHelp = `On a cluster
  --kafka         read the topic instead of the log; KAFKA_BROKERS names the Kafka, as for a form (KAFKA_TLS, KAFKA_CA_FILE,
                  KAFKA_USERNAME, KAFKA_PASSWORD)
  --gateway URL   where to reach the cluster's tasks (default http://127.0.0.1:8081), for example by
                  kubectl port-forward -n kourier-system service/kourier-internal 8081:80
`;

/** The declarations for parseArgs. */
export const clusterOptions = {
  kafka: { type: 'boolean', default: false },
  gateway: { type: 'string', default: 'http://127.0.0.1:8081' },
} as const;

/** @throws EnvError when KAFKA_BROKERS is missing or wrong */
export async function openCluster({ gateway }: { gateway: string }): Promise<Cluster> {
  const env = readEnv(kafkaEnv);
  if (env.KAFKA_BROKERS === undefined)
    throw new Error('KAFKA_BROKERS is missing; set it to the addresses of Kafka, e.g. localhost:9092');
  return connectCluster({ gateway, kafka: connectionOf(env), formsTopic: env.KAFKA_TOPIC }).catch(
    (cause: unknown) => {
      throw new Error(`no Kafka answers at ${env.KAFKA_BROKERS}; check KAFKA_BROKERS`, { cause });
    },
  );
}

/** The same for a Kafka that the environment does not name. @throws Error when it does not answer */
export async function connectCluster({
  gateway,
  kafka,
  formsTopic,
}: {
  gateway: string;
  kafka: KafkaConfig;
  formsTopic: string;
}): Promise<Cluster> {
  const client = new Kafka({ ...kafka, clientId: 'formbus-operator', logLevel: logLevel.NOTHING });
  const producer = client.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  const write = async (topic: string, event: CloudEvent) => {
    const [result] = await producer.send({ topic, acks: -1, messages: [recordOf(event, 'binary')] });
    if (result?.errorCode !== 0) throw new Error(`Kafka refused a record for ${topic}`);
  };
  return {
    client,
    formsTopic,
    write,
    handOver: openTasks({ gateway, publish: (event) => write(formsTopic, event) }),
    close: () => producer.disconnect(),
  };
}
