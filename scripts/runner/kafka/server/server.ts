import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startChild } from '../../processes/child.ts';
import type { Log } from '../../log.ts';
import { releasePort, takePort } from '../../processes/ports.ts';
import { startBrokerProcess, type BrokerProcess } from './broker-process.ts';
import { kafkaClasspath } from './jars.ts';

export interface KafkaServer {
  /** All addresses, separated by commas: what KAFKA_BROKERS holds. */
  url: string;
  brokers: BrokerProcess[];
  /** SIGTERM to all, SIGKILL after `graceMs`. Nothing that was acknowledged is lost either way. */
  close(graceMs?: number): Promise<void>;
}

export interface KafkaServerOptions {
  /** Holds the brokers' logs; a later start goes on with them, with as many brokers as before. */
  dir: string;
  log: Log;
  brokers?: number;
  /** The brokers' own settings (server.properties) beyond, or in place of, those made here; of each by its ports where these matter. */
  settings?: Settings | ((ports: { port: number; controllerPort: number }) => Settings);
  say?: (line: string) => void;
}

type Settings = Record<string, string | number>;

/**
 * Runs Apache Kafka on this machine, each broker a controller as well (KRaft), for clients of this machine only. What a
 * broker acknowledged outlives its process, but not a power cut: Kafka relies on replicas, not on fsync.
 * @throws Error that says what to install, or with a broker's last lines; nothing is left running then
 */
export async function startKafka({
  dir,
  log,
  brokers = 1,
  settings = {},
  say = console.log,
}: KafkaServerOptions): Promise<KafkaServer> {
  const classpath = await kafkaClasspath({ say });
  await mkdir(dir, { recursive: true });
  const folder = await realpath(dir);
  const clusterId = await clusterIdOf(folder);
  const ids = Array.from({ length: brokers }, (_, i) => i + 1);
  const nodes = await Promise.all(
    ids.map(async (id) => ({
      id,
      dir: join(folder, String(id)),
      port: await takePort(),
      controllerPort: await takePort(),
    })),
  );
  const voters = nodes.map(({ id, controllerPort }) => `${id}@127.0.0.1:${controllerPort}`).join(',');
  const release = () =>
    nodes.forEach(({ port, controllerPort }) => [port, controllerPort].forEach(releasePort));

  const starting = nodes.map(async (node): Promise<BrokerProcess> => {
    await mkdir(node.dir, { recursive: true });
    const file = join(node.dir, 'server.properties');
    await writeFile(file, propertiesOf(node, { voters, brokers, settings }));
    await format({ dir: node.dir, file, clusterId, classpath });
    const java = javaCommand(classpath, ['kafka.Kafka', file]);
    return startBrokerProcess({ id: node.id, port: node.port, dir: node.dir, java, log });
  });
  const close = async (graceMs = 10_000) => {
    const settled = await Promise.allSettled(starting);
    const running = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    await Promise.all(running.map((broker) => broker.stop(graceMs)));
    release();
  };
  try {
    const started = await Promise.all(starting);
    return { url: started.map(({ address }) => address).join(','), brokers: started, close };
  } catch (error) {
    await close(0);
    throw error;
  }
}

function propertiesOf(
  { id, dir, port, controllerPort }: { id: number; dir: string; port: number; controllerPort: number },
  {
    voters,
    brokers,
    settings,
  }: { voters: string; brokers: number; settings: NonNullable<KafkaServerOptions['settings']> },
): string {
  const replicas = Math.min(brokers, 3);
  const all = {
    'process.roles': 'broker,controller',
    'node.id': id,
    'controller.quorum.voters': voters,
    'controller.listener.names': 'CONTROLLER',
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'log.dirs': join(dir, 'log'),
    // A topic is made on purpose, with its partitions, or it is a mistake.
    'auto.create.topics.enable': false,
    'offsets.topic.replication.factor': replicas,
    // The default of 50 makes 50 folders for a handful of groups.
    'offsets.topic.num.partitions': 5,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': Math.min(replicas, 2),
    // For so long a broker that was killed counts as alive: no other takes over what it led, and it may not come back itself.
    'broker.session.timeout.ms': 4_000,
    'broker.heartbeat.interval.ms': 500,
    // No other consumer is about to join a group on this machine.
    'group.initial.rebalance.delay.ms': 0,
    ...(typeof settings === 'function' ? settings({ port, controllerPort }) : settings),
  };
  // As in a .properties file of Java, a backslash would escape.
  return Object.entries(all)
    .map(([name, value]) => `${name}=${String(value).replaceAll('\\', '\\\\')}\n`)
    .join('');
}

/** Small and quick to start: a heap of 256 MB is plenty for what one machine's tests and demonstrations send. */
function javaCommand(classpath: string, command: string[]): string[] {
  return [
    'java',
    '-Xms64m',
    '-Xmx256m',
    '-XX:+UseSerialGC',
    '-Xshare:auto',
    '-Djava.awt.headless=true',
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
    '-Dlog4j2.StatusLogger.level=OFF',
    '-cp',
    classpath,
    ...command,
  ];
}

/** Prepares a broker's folder, once. */
async function format(node: { dir: string; file: string; clusterId: string; classpath: string }) {
  const done = join(node.dir, 'formatted');
  if (existsSync(done)) return;
  const args = ['format', '--ignore-formatted', '--cluster-id', node.clusterId, '--config', node.file];
  const [command = 'java', ...rest] = javaCommand(node.classpath, ['kafka.tools.StorageTool', ...args]);
  const { PATH = '/usr/bin:/bin', HOME = node.dir, JAVA_HOME = '' } = process.env;
  const tool = await startChild({ command, args: rest, cwd: node.dir, env: { PATH, HOME, JAVA_HOME } });
  const how = await tool.exited;
  if (how !== 'exited with code 0') {
    throw new Error(`Kafka could not prepare ${node.dir}: kafka-storage ${how}\n${tool.lastLines()}`);
  }
  await writeFile(done, '');
}

/** One per folder, made on the first start: all brokers of a cluster bear it, and refuse another's log. */
async function clusterIdOf(folder: string): Promise<string> {
  const file = join(folder, 'cluster-id');
  const id = randomBytes(16).toString('base64url');
  // A leading dash would be read as an option.
  await writeFile(file, id.replace(/^-/, 'A'), { flag: 'wx' }).catch(() => {});
  return readFile(file, 'utf8');
}
