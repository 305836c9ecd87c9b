import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { command } from '../cli/command.ts';
import { requireNode } from '../cli/node-version.ts';
import { projectRoot } from '../cli/root.ts';
import type { Runner } from '../runner/runner.ts';

const help = `Runs Formbus on this machine.

  npm start -- [--port N] [--data DIR] [--host ADDR] [--kafka]

  --port N      the port of the gateway (default 8080; 0 = a free one)
  --data DIR    the folder for events, rows, sheets and bundles (default .formbus)
  --host ADDR   the address to listen on (default 127.0.0.1: this machine only)
  --kafka       runs an Apache Kafka, too, and sends events through it; needs Java and, the first time, Maven
  --help        prints this text

It takes up at once what you save in functions/, eventing/ and knative/. Ctrl-C stops it cleanly, a second one at once. The next start with the same folder continues where this one stopped.
With KAFKA_BROKERS in the environment (and KAFKA_TLS, KAFKA_CA_FILE, KAFKA_USERNAME, KAFKA_PASSWORD), it sends events through that Kafka and starts none.
With REDIS_URL in the environment (and REDIS_PASSWORD, REDIS_REPLICAS), it buffers rows in that Redis, or the one its Sentinels name, and starts none.
With DATABASE_URL in the environment, the archive is in that PostgreSQL and it starts none.
With GOOGLE_APPLICATION_CREDENTIALS (a file) and SPREADSHEET_ID in the environment, rows go to the real Google Sheets.
With SMTP_URL in the environment (and SMTP_USER, SMTP_PASSWORD, MAIL_FROM), it sends real mails.
`;

/** npm hands on a Ctrl-C that the terminal has sent here as well; a person's second one comes later. */
const againMs = 500;

async function main() {
  requireNode();
  const { port, data, host, kafka } = readOptions();
  const root = projectRoot();

  // What is written from here on, by our processes as well, is for this user alone.
  process.umask(0o077);
  const stopping = new AbortController();
  let runner: Runner | undefined;
  let asked = 0;
  const stop = () => {
    if (stopping.signal.aborted) {
      if (performance.now() - asked > againMs) process.exit(130);
      return;
    }
    asked = performance.now();
    console.log(`\nStopping; once more stops at once.`);
    stopping.abort();
    runner?.close().then(() => process.exit(0), fail);
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  if (process.env['npm_lifecycle_event']) whenParentIsGone(stop);
  // Loaded after the check: its modules need a new Node.
  const { startRunner } = await import('../runner/runner.ts');
  const { stop: stopEsbuild } = await import('esbuild');
  try {
    runner = await startRunner({
      root,
      port,
      host,
      kafka,
      ...(data === undefined ? {} : { data: resolve(data) }),
      stopping: stopping.signal,
    });
  } catch (error) {
    // Ctrl-C reaches esbuild, apt-get and so on, too: what fails then is no mistake.
    if (stopping.signal.aborted) process.exit(0);
    throw error;
  }
  // Bundling is over; esbuild's own process would keep 130 MB.
  await stopEsbuild();
}

/** A killed npm passes no signal on; Formbus would run on unnoticed. */
function whenParentIsGone(act: () => void) {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    act();
  }, 250);
  watch.unref();
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        port: { type: 'string' },
        data: { type: 'string' },
        host: { type: 'string' },
        kafka: { type: 'boolean', default: false },
      },
    });
    const port = values.port === undefined ? undefined : Number(values.port);
    if (port !== undefined && !(/^\d+$/.test(values.port ?? '') && port <= 65_535)) {
      throw new Error(`--port takes a number from 0 to 65535, not ${values.port}`);
    }
    return { ...values, port };
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n\n${help}`, { cause: error });
  }
}

function fail(error: unknown) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}

command(help, main, { failed: 1, isAbrupt: true });
