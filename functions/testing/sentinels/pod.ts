import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis, type RedisOptions } from 'ioredis';

/** A Redis or a Sentinel as the cluster starts it, with a folder that outlives it. */
export interface Pod {
  /** host:port, by which the others know it. */
  self: string;
  data: string;
  /** A connection through which a test inspects the data, from its side of the network. */
  look: Redis;
  pid(): number;
  /** All that it printed. */
  output(): string;
  /** Runs a command of its manifest, as the kubelet does. Status null: it was ended after `timeoutMs`. */
  exec(command: string[], timeoutMs: number): Promise<{ status: number | null; output: string }>;
  start(): void;
  signal(name: NodeJS.Signals): void;
  /** Ends it, by default like the end of a pod, without a word. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  close(): Promise<void>;
}

export interface PodOptions {
  /** Below it are the folders of all pods. */
  dir: string;
  kind: 'redis' | 'sentinel';
  self: string;
  /** The environment that the manifest sets, apart from SELF. */
  env: Record<string, string>;
  password: string;
  /** More lines of its configuration. */
  settings?: string[];
  /** For `look`. */
  options?: Omit<RedisOptions, 'replyMapping'>;
}

const platform = join(import.meta.dirname, '../../../knative/platform');

/** Starts one by its script in `knative/platform`. It listens on 127.0.0.1, whatever host `self` has. */
export function startPod({ dir, kind, self, env, password, settings = [], options = {} }: PodOptions): Pod {
  const data = join(dir, self);
  const scripts = join(dir, `${self} of ${kind}`);
  mkdirSync(data);
  cpSync(join(platform, kind), scripts, { recursive: true });
  if (kind === 'redis') appendFileSync(join(scripts, 'redis.conf'), ['', ...settings, ''].join('\n'));
  else {
    const script = readFileSync(join(scripts, 'start.sh'), 'utf8');
    writeFileSync(
      join(scripts, 'start.sh'),
      script.replace(/^port .*/m, (line) => [line, ...settings].join('\n')),
    );
  }
  const { PATH = '/usr/bin:/bin' } = process.env;
  const inPod = {
    PATH,
    ...env,
    REDISCLI_AUTH: password,
    REDIS_PASSWORD: password,
    SELF: self,
    DATA: data,
  };
  let said = '';
  let child: ChildProcess | undefined;
  const isRunning = () => child?.exitCode === null && child.signalCode === null;

  function start() {
    child = spawn('sh', [join(scripts, 'start.sh')], { env: inPod, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (said += String(chunk)));
  }
  async function exec(command: string[], timeoutMs: number) {
    const [program = '', ...words] = command.map((word) => word.replace(`/etc/${kind}`, scripts));
    const running = spawn(program, words, {
      env: inPod,
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: Math.ceil(timeoutMs),
    });
    let output = '';
    running.stdout.on('data', (chunk) => (output += String(chunk)));
    await once(running, 'close');
    return { status: running.exitCode, output };
  }
  async function kill(signal: NodeJS.Signals = 'SIGKILL') {
    if (!child || !isRunning()) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }

  start();
  const look = new Redis(Number(self.split(':')[1]), '127.0.0.1', {
    password,
    retryStrategy: () => 50,
    maxRetriesPerRequest: null,
    ...options,
  });
  look.on('error', () => {});
  return {
    self,
    data,
    look,
    pid: () => child?.pid ?? 0,
    output: () => said,
    exec,
    start,
    signal: (name) => void child?.kill(name),
    kill,
    async close() {
      look.disconnect();
      await kill();
    },
  };
}
