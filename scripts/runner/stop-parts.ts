import type { Broker } from './broker/broker.ts';
import type { ClusterLocal } from './gateway/cluster-local.ts';
import type { DataFolder } from './data-folder/data-folder.ts';
import type { Gateway } from './gateway/gateway.ts';
import type { Ingress } from './broker/ingress.ts';
import type { KafkaConnection } from './kafka/connection.ts';
import type { KafkaServer } from './kafka/server/server.ts';
import type { Log } from './log.ts';
import type { MailsServer } from '../emulators/mails/server.ts';
import type { Schedules } from './schedules/ping.ts';
import type { Postgres } from './processes/postgres.ts';
import type { Redis } from './processes/redis.ts';
import type { Reloader } from './project/reload.ts';
import type { Services } from './serving/services.ts';
import type { SheetsServer } from '../emulators/sheets/server.ts';
import type { TypeCheck } from './project/type-check.ts';
import type { Watch } from './project/watch.ts';

/** What a runner consists of, as far as it is started. */
export interface Parts {
  folder?: DataFolder;
  /** Lets go who waits for the services to be opened. */
  abandon?: () => void;
  watch?: Watch;
  reloader?: Reloader;
  types?: TypeCheck;
  gateway?: Gateway;
  redis?: Redis;
  postgres?: Postgres;
  /** The Kafka of this runner's own. */
  kafka?: KafkaServer;
  kafkaConnection?: KafkaConnection;
  sheets?: Pick<SheetsServer, 'handle' | 'make' | 'close'>;
  mails?: Pick<MailsServer, 'handle' | 'close'>;
  broker?: Broker;
  /** For tasks that give an event up themselves. */
  deadLetters?: Ingress;
  clusterLocal?: ClusterLocal;
  services?: Services;
  schedules?: Schedules;
}

/** All of it, Redis's and PostgreSQL's end apart. */
const totalMs = 8_500;

/**
 * Stops in the direction of the flow: nothing new comes in, what is under way is finished while all that it needs still
 * runs. What takes too long is cut, so that all is over within 10 s.
 */
export async function stopParts(parts: Parts, log: Log) {
  const end = performance.now() + totalMs;
  const step = async (what: string, work: Promise<void> | undefined, ms: number) => {
    const late = AbortSignal.timeout(ms);
    const timeout = new Promise<never>((_, reject) => {
      late.addEventListener('abort', () => reject(new Error(`it is not closed after ${ms} ms`)));
    });
    await Promise.race([work, timeout]).catch((error: unknown) => log.warn({}, `${what}: ${String(error)}`));
    timeout.catch(() => {});
  };
  parts.abandon?.();
  // What is changed from here on is for the next start.
  await step('watch', parts.watch?.close(), 500);
  await step('type check', parts.types?.close(), 500);
  await step('reload', parts.reloader?.close(), 1_000);
  await step('gateway', parts.gateway?.close(4_000), 4_500);
  await step('schedules', parts.schedules?.close(), 500);
  await step('KafkaSources', parts.kafkaConnection?.closeSources(), 1_500);
  await step('broker', parts.broker?.close(), 1_500);
  const forKafka = parts.kafkaConnection ? 1_500 : 0;
  const left = Math.min(6_000, end - performance.now() - forKafka);
  await step('services', parts.services?.close(left), left + 500);
  await step('dead letters', parts.deadLetters?.close(), 500);
  await step('calls between services', parts.clusterLocal?.close(), 500);
  await step('Kafka', closeKafka(parts), forKafka);
  // One that has to be killed is gone some time later: what it has started ends after it.
  await Promise.all([
    step('redis', parts.redis?.close(500), 1_200),
    step('postgres', parts.postgres?.close(600), 1_200),
  ]);
  await step('sheets', parts.sheets?.close(), 500);
  await step('mails', parts.mails?.close(), 500);
  parts.folder?.close();
}

/** What Kafka has acknowledged stands in its log however it ends. */
async function closeKafka({ kafka, kafkaConnection }: Parts) {
  await Promise.all([kafkaConnection?.close(), kafka?.close(1_000)]);
}
