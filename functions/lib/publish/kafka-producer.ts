import './kafka-timers.ts';
import { Kafka, logLevel, type Message, type Producer } from 'kafkajs';
import type { Connection } from './kafka-env.ts';
import { openPartitionTurns, type PartitionOfTopic, type Turn } from './partition-turns.ts';

export interface BatchProducer {
  /** Connects; rejects when no broker is there. It needs not be called first. */
  connect(): Promise<void>;
  /**
   * Writes a batch to one partition that has no other batch under way. Resolves when all in-sync replicas have it. Rejects when
   * that is not known; all of it, or nothing, may have been written.
   */
  send(messages: Message[]): Promise<void>;
  close(): Promise<void>;
}

/** Two tries fit into the time that a submission has. */
const requestTimeoutMs = 2_000;
const connectionTimeoutMs = 1_000;

/** One of kafkajs's clients, and how many batches are under way through it. */
interface Client {
  producer: Producer;
  connected: Promise<void>;
  uses: number;
  isRetired: boolean;
}

/**
 * A producer on kafkajs that gets over the loss of any broker. What is set and why:
 * - Its retries wait for up to 30 s, and do not ask anew who leads a partition when a broker hangs: there are none. Who calls
 *   tries again, and a client that has failed is replaced by a new one, which asks.
 * - A send over several partitions may resolve though one of them was not written: one partition a send, and the answer is read.
 * - The idempotent producer gives the next batch the number of one that timed out: it stays off, and ids deduplicate.
 */
export function openBatchProducer(connection: Connection, topic: string): BatchProducer {
  const takeTurn = openPartitionTurns();
  const turns = new WeakMap<Message, { turn: Turn | undefined }>();
  let current: Client | undefined;

  function open(): Client {
    const kafka = new Kafka({
      ...connection,
      // It begins with the first one.
      brokers: connection.brokers.toSorted(() => Math.random() - 0.5),
      clientId: 'formbus',
      connectionTimeout: connectionTimeoutMs,
      authenticationTimeout: connectionTimeoutMs,
      requestTimeout: requestTimeoutMs,
      retry: { retries: 0, initialRetryTime: 50 },
      // What goes wrong is told by who calls.
      logLevel: logLevel.NOTHING,
    });
    const producer = kafka.producer({ allowAutoTopicCreation: false, createPartitioner: () => partitioner });
    const client: Client = { producer, connected: producer.connect(), uses: 0, isRetired: false };
    client.connected.catch(() => retire(client));
    return client;
  }

  /** kafkajs asks for each message of a batch: all go where the first one goes. */
  function partitioner(asked: { partitionMetadata: PartitionOfTopic[]; message: Message }): number {
    const batch = turns.get(asked.message);
    if (!batch) throw new Error('a message of no batch');
    batch.turn ??= takeTurn(asked.partitionMetadata);
    return batch.turn.partition;
  }

  /** The batches that are under way through it may still succeed. */
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
          throw new Error('Kafka acknowledged something else than was sent');
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

/** An error code in a broker's answer: the connection is in order. kafkajs wraps what it would have retried. */
function isFromBroker(error: unknown): boolean {
  for (let one = error; one instanceof Error; one = one.cause) {
    if (one.name === 'KafkaJSProtocolError') return true;
  }
  return false;
}
