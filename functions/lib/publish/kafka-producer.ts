import { Kafka, logLevel, type Message, type Producer } from 'kafkajs';
import type { Connection } from './kafka-env.ts';
import { scheduleOnlyIfPending } from './kafka-timers.ts';
import { openPartitionTurns, type PartitionOfTopic, type Turn } from './partition-turns.ts';

scheduleOnlyIfPending();

export interface BatchProducer {
  /** Connects ahead of the first `send`. Rejects when no broker can be reached. */
  connect(): Promise<void>;
  /**
   * Writes a batch to one partition that has no other batch under way. Resolves when all in-sync replicas have it. When it rejects,
   * either all of it or nothing was written.
   */
  send(messages: Message[]): Promise<void>;
  close(): Promise<void>;
}

/** Two attempts fit into a submission's deadline. */
const requestTimeoutMs = 2_000;
const connectionTimeoutMs = 1_000;

/** A kafkajs client and the number of its batches under way. */
interface Client {
  producer: Producer;
  connected: Promise<void>;
  uses: number;
  isRetired: boolean;
}

/**
 * A producer on kafkajs that survives the loss of any broker:
 * - kafkajs's retries are off: they wait for up to 30 s and do not ask again which broker leads a partition while one hangs. The
 *   caller tries again, and a new client, which asks, replaces a failed one.
 * - Each send goes to one partition, and its answer is checked: a send to several may resolve although one was not written.
 * - The idempotent producer is off: it reuses the sequence number of a batch that timed out. Ids deduplicate instead.
 */
export function openBatchProducer(connection: Connection, topic: string): BatchProducer {
  const takeTurn = openPartitionTurns();
  const turns = new WeakMap<Message, { turn: Turn | undefined }>();
  let current: Client | undefined;

  function open(): Client {
    const kafka = new Kafka({
      ...connection,
      // kafkajs begins with the first one.
      brokers: connection.brokers.toSorted(() => Math.random() - 0.5),
      clientId: 'formbus',
      connectionTimeout: connectionTimeoutMs,
      authenticationTimeout: connectionTimeoutMs,
      requestTimeout: requestTimeoutMs,
      retry: { retries: 0, initialRetryTime: 50 },
      // The caller logs failures.
      logLevel: logLevel.NOTHING,
    });
    const producer = kafka.producer({ allowAutoTopicCreation: false, createPartitioner: () => partitioner });
    const client: Client = { producer, connected: producer.connect(), uses: 0, isRetired: false };
    client.connected.catch(() => retire(client));
    return client;
  }

  /** kafkajs asks for each message: all of a batch go to the partition of the first. */
  function partitioner(asked: { partitionMetadata: PartitionOfTopic[]; message: Message }): number {
    const batch = turns.get(asked.message);
    if (!batch) throw new Error('a message that belongs to no batch');
    batch.turn ??= takeTurn(asked.partitionMetadata);
    return batch.turn.partition;
  }

  /** Disconnects once the client's batches are done: they may still succeed. */
  function retire(client: Client): void {
    if (current === client) current = undefined;
    client.isRetired = true;
    if (client.uses === 0) void client.producer.disconnect().catch(() => {});
  }

  return {
    async connect() {
      await (current ??= open()).connected;
    },
    async send(messages) {
      const client = (current ??= open());
      client.uses += 1;
      const batch: { turn: Turn | undefined } = { turn: undefined };
      for (const message of messages) turns.set(message, batch);
      try {
        await client.connected;
        const answer = await client.producer.send({ topic, acks: -1, timeout: requestTimeoutMs, messages });
        const [written] = answer;
        if (answer.length !== 1 || written?.partition !== batch.turn?.partition || written?.errorCode !== 0)
          throw new Error('Kafka acknowledged something other than the batch');
        batch.turn?.end('written');
      } catch (error) {
        batch.turn?.end('failed');
        if (!isFromBroker(error)) retire(client);
        throw error;
      } finally {
        client.uses -= 1;
        if (client.isRetired) retire(client);
      }
    },
    async close() {
      const client = current;
      current = undefined;
      await client?.producer.disconnect().catch(() => {});
    },
  };
}

/** An error code in a broker's answer: the connection works. kafkajs wraps errors that it would retry. */
function isFromBroker(error: unknown): boolean {
  for (let one = error; one instanceof Error; one = one.cause) {
    if (one.name === 'KafkaJSProtocolError') return true;
  }
  return false;
}
