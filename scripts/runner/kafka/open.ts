import type { Log } from '../log.ts';
import type { Manifests } from '../../manifests/types.ts';
import type { Parts } from '../stop-parts.ts';
import { connectKafka } from './connection.ts';
import type { GivenKafka } from './given.ts';
import { keepKafka } from './server/keep-up.ts';

/**
 * Starts a Kafka in `dir`, unless one is given, and makes what the manifests want of it. Gives the brokers' addresses; the
 * parts are known as soon as they are there, so that they are stopped whatever fails.
 */
export async function openKafka({
  given,
  dir,
  manifests: { kafkaTopics: topics, kafkaSinks: sinks, kafkaSources: sources },
  parts,
  log,
  say,
}: {
  given: GivenKafka | undefined;
  dir: string;
  manifests: Pick<Manifests, 'kafkaTopics' | 'kafkaSinks' | 'kafkaSources'>;
  parts: Pick<Parts, 'kafka' | 'kafkaConnection'>;
  log: Log;
  say: (line: string) => void;
}): Promise<string> {
  const brokers = given?.brokers ?? (parts.kafka = await keepKafka({ dir, log, say })).url;
  parts.kafkaConnection = await connectKafka({
    brokers,
    settings: given?.settings,
    topics,
    sinks,
    sources,
    log,
  });
  return brokers;
}
