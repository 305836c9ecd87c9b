import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin, Kafka, KafkaJSProtocolError } from 'kafkajs';

/** For a partition to get a leader that knows of it: after its topic was made, or its broker was lost. */
const ledWithinMs = 30_000;

/**
 * Asks Kafka what only the leaders of partitions know, such as offsets; again while leaders change, because kafkajs's admin gives up
 * at "not the leader".
 * @throws KafkaJSError when Kafka is not there, or has no leaders for half a minute
 */
export async function askLeaders<T>(client: Kafka, ask: (admin: Admin) => Promise<T>): Promise<T> {
  const deadline = performance.now() + ledWithinMs;
  for (;;) {
    const admin = client.admin();
    try {
      await admin.connect();
      return await ask(admin);
    } catch (error) {
      if (!isAnswer(error) || !error.retriable || performance.now() > deadline) throw error;
    } finally {
      await admin.disconnect();
    }
    await sleep(100);
  }
}

/** By its name: Node finds no export of that class in kafkajs, which is CommonJS. */
function isAnswer(error: unknown): error is KafkaJSProtocolError {
  return error instanceof Error && error.name === 'KafkaJSProtocolError';
}
