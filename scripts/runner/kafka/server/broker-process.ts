import { setTimeout as sleep } from 'node:timers/promises';
import { startChild, type Child } from '../../processes/child.ts';
import type { Log } from '../../log.ts';
import { kafkaClient } from '../client.ts';

/** One Kafka broker, which is also a controller. Its data and its address stay the same over all restarts. */
export interface BrokerProcess {
  id: number;
  /** `127.0.0.1:port` */
  address: string;
  pid(): number;
  running(): boolean;
  /** How its present process ended, in words. */
  exited(): Promise<string>;
  /** SIGKILL. Resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGTERM: it hands over what it leads; SIGKILL after `graceMs`. */
  stop(graceMs?: number): Promise<void>;
  /** Starts it on its own log, ending it first if it runs; resolves when it serves clients. */
  restart(): Promise<void>;
  /** SIGSTOP: its connections stay open and nothing is answered, as in a long pause of the machine. */
  freeze(): void;
  thaw(): void;
}

const startTimeoutMs = 120_000;

/**
 * Starts a broker whose folder is formatted already.
 * @throws Error with its last lines when it ends or is not ready in time
 */
export async function startBrokerProcess({
  id,
  port,
  dir,
  java,
  log,
}: {
  id: number;
  port: number;
  dir: string;
  /** The command line, `java` first. */
  java: string[];
  log: Log;
}): Promise<BrokerProcess> {
  const address = `127.0.0.1:${port}`;
  /** Said early in a long list of exceptions. */
  let portIsTaken = false;
  let child = await start();

  async function start(): Promise<Child> {
    const deadline = performance.now() + startTimeoutMs;
    for (;;) {
      portIsTaken = false;
      const started = await launch();
      const problem = await whenReady(started, deadline);
      if (problem === undefined) return started;
      await started.stop(0);
      // A client's outgoing connection may have got the port by chance; it is soon over.
      if (!portIsTaken || performance.now() > deadline) throw new Error(problem);
      await sleep(500);
    }
  }

  function launch(): Promise<Child> {
    const [command = 'java', ...args] = java;
    const { PATH = '/usr/bin:/bin', HOME = dir, JAVA_HOME = '' } = process.env;
    const onLine = (line: string) => {
      if (line.includes('Address already in use')) portIsTaken = true;
      if (/ (ERROR|FATAL) /.test(line)) log.warn({ from: `kafka-${id}` }, line);
    };
    return startChild({ command, args, cwd: dir, env: { PATH, HOME, JAVA_HOME, LANG: 'C.UTF-8' }, onLine });
  }

  async function whenReady(started: Child, deadline: number): Promise<string | undefined> {
    while (!(await serves(address, id))) {
      if (!started.running())
        return `the Kafka broker ${id} ${await started.exited}:\n${started.lastLines()}`;
      if (performance.now() > deadline) {
        return `the Kafka broker ${id} was not ready within ${startTimeoutMs / 1000} s:\n${started.lastLines()}`;
      }
      await sleep(50);
    }
    return undefined;
  }

  return {
    id,
    address,
    pid: () => child.pid,
    running: () => child.running(),
    exited: () => child.exited,
    kill: () => child.stop(0),
    async stop(graceMs = 10_000) {
      signal(child, 'SIGCONT');
      await child.stop(graceMs);
    },
    async restart() {
      await child.stop(0);
      child = await start();
    },
    freeze: () => signal(child, 'SIGSTOP'),
    thaw: () => signal(child, 'SIGCONT'),
  };
}

function signal(child: Child, name: 'SIGSTOP' | 'SIGCONT') {
  if (child.running()) process.kill(child.pid, name);
}

/** A broker names itself to clients only when the controllers have let it in. */
async function serves(address: string, id: number): Promise<boolean> {
  const admin = kafkaClient(address, {
    connectionTimeout: 1_000,
    requestTimeout: 5_000,
    retry: { retries: 0 },
  }).admin();
  try {
    await admin.connect();
    const { brokers } = await admin.describeCluster();
    return brokers.some(({ nodeId }) => nodeId === id);
  } catch {
    return false;
  } finally {
    await admin.disconnect().catch(() => {});
  }
}
