import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import * as v from 'valibot';
import { describe } from 'vitest';
import { ask } from '../../functions/testing/services.ts';
import type { Log } from '../runner/log.ts';
import { kafkaClasspath } from '../runner/kafka/server/jars.ts';
import { startKafka, type KafkaServer, type KafkaServerOptions } from '../runner/kafka/server/server.ts';
import { howToInstall } from '../runner/processes/packages.ts';
import { temporaryFolder } from './formbus.ts';

/** A first start may have to fetch Kafka's jars. */
export const kafkaStartMs = 300_000;

/**
 * `describe` for tests on a real Kafka. Where Java or Maven is missing they are skipped, with a line that says what to
 * install; in CI they always run.
 */
export const describeKafka: typeof describe | typeof describe.skip = isSkipped() ? describe.skip : describe;

/** The Kafka of the test run: for tests that neither stop nor configure it, on topics of their own. */
export function sharedKafka(): Promise<{ url: string }> {
  return ask(v.object({ url: v.string() }), 'kafka');
}

/** A Kafka of the caller's own in a temporary folder, for `beforeAll(…, kafkaStartMs)`; `close` removes the folder, too. */
export async function startTestKafka(
  options: Pick<KafkaServerOptions, 'brokers' | 'settings'> = {},
): Promise<KafkaServer> {
  const folder = await temporaryFolder();
  const kafka = await startKafka({ dir: folder.path, log: quiet, ...options });
  return {
    ...kafka,
    async close() {
      await kafka.close(0);
      await folder.remove();
    },
  };
}

/** Runs one of Kafka's own command-line tools by its Java class, as `bin/kafka-*.sh` do; gives what it prints. No argument has a space. */
export async function kafkaTool(mainClass: string, args: string): Promise<string> {
  const java = [
    '-Xshare:auto',
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=error',
    '-Dlog4j2.StatusLogger.level=OFF',
  ];
  const command = [...java, '-cp', await kafkaClasspath(), mainClass, ...args.split(/\s+/)];
  const { stdout } = await promisify(execFile)('java', command, { maxBuffer: 64_000_000 });
  return stdout;
}

const quiet: Log = { info() {}, warn() {}, error() {} };

function isSkipped(): boolean {
  const missing = howToInstall(['java', 'mvn']);
  if (missing === undefined || process.env['CI'] === 'true') return false;
  console.warn(`The tests on a real Kafka are skipped: ${missing}`);
  return true;
}
