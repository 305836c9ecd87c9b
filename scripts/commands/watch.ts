import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { command } from '../cli/command.ts';
import { addressOf, placeHelp, placeOptions } from '../tools/client/running.ts';
import { openHistory, type View } from '../tools/watch/history.ts';
import { changesSince, jsonOf } from '../tools/watch/lines.ts';
import { watchRunner } from '../tools/watch/local.ts';
import { screenOf } from '../tools/watch/screen.ts';
import { Starting, type ServiceState, type Source } from '../tools/watch/source.ts';
import { openTerminal } from '../tools/watch/terminal.ts';

const help = `Shows how forms and tasks scale, once a second.

  npm run watch -- [--url URL | --data DIR | --context C] [--namespace N] [--json]

${placeHelp(16)}  --context C     instead: a cluster, by its name in the kubeconfig (KUBECONFIG, or ~/.kube/config)
  --namespace N   the namespace of Formbus there (default formbus); without --context: in the kubeconfig's current context
  --json          one line of JSON a second
  --help          prints this text

Instances are ready → wanted. Cold starts count from when the watch began. – stands for an unknown value: on a cluster, each
instance's queue-proxy reports its requests, through the API server. Without a terminal it prints a line for each change. Ctrl-C
ends it.
`;

const everyMs = 1_000;
const patienceMs = 5_000;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      ...placeOptions,
      context: { type: 'string' },
      namespace: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const over = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => over.abort());
  // Whoever reads our output has enough, as head does.
  process.stdout.on('error', () => over.abort());
  const source = await sourceOf(values);
  const first = await firstReading(source, over.signal);
  const output = values.json ? { show: printJson, close() {} } : openOutput();
  try {
    await watch(source, { first, show: output.show, signal: over.signal });
  } finally {
    output.close();
  }
}

async function sourceOf({
  url,
  data,
  context,
  namespace,
}: {
  url?: string;
  data?: string;
  context?: string;
  namespace?: string;
}): Promise<Source> {
  const isCluster = context !== undefined || namespace !== undefined;
  if (isCluster && (url ?? data) !== undefined)
    throw new Error(
      '--url and --data are for this machine, --context and --namespace are for a cluster; say one of them',
    );
  if (!isCluster) return watchRunner(addressOf({ url, data }));
  const { openApi } = await import('../cluster/api/api.ts');
  const { watchCluster } = await import('../tools/watch/cluster.ts');
  return watchCluster(openApi(context), namespace ?? 'formbus');
}

/** Where nothing runs, that is said at once; later on it may come back. */
async function firstReading(source: Source, signal: AbortSignal): Promise<ServiceState[] | undefined> {
  try {
    return await read(source, signal);
  } catch (error) {
    if (error instanceof Starting || signal.aborted) return undefined;
    throw error;
  }
}

async function watch(
  source: Source,
  options: { first: ServiceState[] | undefined; show: (view: View) => void; signal: AbortSignal },
): Promise<void> {
  const { first, show, signal } = options;
  const history = openHistory(source.name);
  let begin = performance.now();
  if (first) show(history.add(first, Date.now()));
  for (;;) {
    const rest = Math.max(0, everyMs - (performance.now() - begin));
    await sleep(rest, undefined, { signal }).catch(() => {});
    begin = performance.now();
    const reading = await read(source, signal).catch((error: unknown) => ({
      problem: error instanceof Error ? error.message : String(error),
    }));
    if (signal.aborted) return;
    show(history.add(reading, Date.now()));
  }
}

async function read(source: Source, signal: AbortSignal): Promise<ServiceState[]> {
  const late = AbortSignal.timeout(patienceMs);
  try {
    return await source.read(AbortSignal.any([signal, late]));
  } catch (cause) {
    if (!late.aborted) throw cause;
    throw new Error(`${source.name} has not answered for ${patienceMs / 1_000} s`, { cause });
  }
}

interface Output {
  show(view: View): void;
  close(): void;
}

function printJson(view: View): void {
  console.log(jsonOf(view));
}

/** The terminal, or without one a line for each change. */
function openOutput(): Output {
  const { stdout } = process;
  let last: View | undefined;
  if (!stdout.isTTY)
    return {
      show(view) {
        for (const line of changesSince(last, view)) console.log(line);
        last = view;
      },
      close() {},
    };
  const terminal = openTerminal(stdout);
  const draw = () => {
    // A terminal that does not know its size says 0.
    const [width, height] = [stdout.columns || 80, stdout.rows || 24];
    if (last) terminal.show(screenOf(last, { width, height, colour: !process.env['NO_COLOR'] }));
  };
  stdout.on('resize', draw);
  return {
    show(view) {
      last = view;
      draw();
    },
    close: terminal.restore,
  };
}

command(help, main);
