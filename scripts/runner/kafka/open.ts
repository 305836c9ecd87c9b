import type { Manifests } from '../../manifests/types.ts';
import type { Log } from '../log.ts';
import { connectKafka, type KafkaConnection } from './connection.ts';
import type { GivenKafka } from './given.ts';
import { keepKafka } from './server/keep-up.ts';

export interface OpenKafka {
  /** What KAFKA_BROKERS holds. */
  brokers: string;
  /** A form's variables for a Kafka that was given. */
  credentials?: GivenKafka['credentials'];
  connection: KafkaConnection;
  /** What Kafka has acknowledged is in its log however it ends. */
  close(graceMs: number): Promise<void>;
}

/**
 * Starts a Kafka in `dir`, unless one is given, and makes what the manifests want of it.
 * @throws Error as `keepKafka` and `connectKafka`; nothing is left running then
 */
export async function openKafka({
  given,
  dir,
  manifests: { kafkaTopics: topics, kafkaSinks: sinks, kafkaSources: sources },
  log,
  say,
}: {
  given: GivenKafka | undefined;
  dir: string;
  manifests: Pick<Manifests, 'kafkaTopics' | 'kafkaSinks' | 'kafkaSources'>;
  log: Log;
  say: (line: string) => void;
}): Promise<OpenKafka> {
  const connect = (brokers: string, settings?: GivenKafka['settings']) =>
    connectKafka({ brokers, settings, topics, sinks, sources, log });
  if (given) {
    const { brokers, settings, credentials } = given;
    const connection = await connect(brokers, settings);
    return { brokers, credentials, connection, close: connection.close };
  }
  const own = await keepKafka({ dir, log, say });
  try {
    const connection = await connect(own.url);
    const close = async (graceMs: number) => {
      await Promise.all([connection.close(), own.close(graceMs)]);
    };
    return { brokers: own.url, connection, close };
  } catch (error) {
    await own.close(1_000);
    throw error;
  }
}
