import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../../log.ts';
import { startKafka, type KafkaServer, type KafkaServerOptions } from './server.ts';

/** Between the end of a broker and its next start; a second start that fails at once is not to fill the log. */
const restartPauseMs = 1_000;

/** A Kafka whose brokers are started again, on their own logs, when they die. */
export async function keepKafka(options: KafkaServerOptions & { log: Log }): Promise<KafkaServer> {
  const { log } = options;
  const kafka = await startKafka(options);
  let closing = false;

  const keepers = kafka.brokers.map(async (broker) => {
    for (;;) {
      const how = await broker.exited();
      if (closing) return;
      log.error({ from: 'kafka', broker: broker.id }, `the broker ${how}; it is being restarted`);
      await sleep(restartPauseMs);
      if (closing) return;
      await broker.restart().catch((error: unknown) => log.error({ from: 'kafka' }, String(error)));
    }
  });

  return {
    ...kafka,
    async close(graceMs) {
      closing = true;
      await kafka.close(graceMs);
      await Promise.all(keepers);
      // A restart that was under way when closing began.
      await kafka.close(graceMs);
    },
  };
}
