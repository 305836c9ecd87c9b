import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest';
import * as v from 'valibot';
import { copyProject, startFormbus, temporaryFolder, type StartedFormbus } from '../../testing/formbus.ts';

const script = join(import.meta.dirname, '../../commands/watch.ts');
const Reading = v.object({
  at: v.string(),
  problem: v.optional(v.string()),
  services: v.optional(
    v.array(
      v.object({
        name: v.string(),
        ready: v.number(),
        wanted: v.number(),
        concurrency: v.number(),
        perSecond: v.nullable(v.number()),
        coldStarts: v.number(),
      }),
    ),
    [],
  ),
});

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let formbus: StartedFormbus;
beforeAll(async () => {
  folder = await temporaryFolder();
  const root = join(folder.path, 'formbus');
  copyProject(root, { windowSeconds: 6 });
  // What is not looked at here need not start.
  for (const path of [
    'functions/tasks/archive',
    'knative/tasks/archive.yaml',
    'eventing/triggers/archive.yaml',
  ])
    rmSync(join(root, path), { recursive: true });
  formbus = await startFormbus(join(folder.path, 'data'), { root });
});
afterAll(async () => {
  await formbus.end('SIGTERM');
  await folder.remove();
});

/** A process of ours and what it has printed so far. */
function start(command: string, args: string[]) {
  const child = spawn(command, args, { stdio: 'pipe', env: { PATH: process.env['PATH'], TERM: 'xterm' } });
  let [output, complaint] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  onTestFinished(async () => void (await end(child, 'SIGKILL')));
  return { child, output: () => output, complaint: () => complaint };
}

async function end(child: ChildProcess, signal?: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    const exited = once(child, 'exit');
    if (signal) child.kill(signal);
    await exited;
  }
  return child.exitCode;
}

const submit = (n: number) =>
  fetch(`${formbus.url}/demo-form/`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: `person ${n}`, message: 'x' }),
  }).then(({ status }) => status);

it('sees a form come from nothing, scale out under load, and go back to nothing', async () => {
  const { child, output } = start(process.execPath, [script, '--url', formbus.url, '--json']);
  const readings = () =>
    output()
      .trim()
      .split('\n')
      .filter(Boolean)
      .map((line) => v.parse(Reading, JSON.parse(line)));
  const form = () =>
    readings().flatMap(({ services }) => services.filter(({ name }) => name === 'demo-form'));
  const last = () => form().at(-1);
  await vi.waitFor(() => expect(last()).toMatchObject({ ready: 0, wanted: 0, coldStarts: 0 }));
  const over = new AbortController();
  const people = Array.from({ length: 200 }, async (_, n) => {
    while (!over.signal.aborted) await submit(n);
  });
  await vi.waitFor(() => expect(last()?.ready).toBeGreaterThan(1));
  await vi.waitFor(() => expect(last()?.perSecond).toBeGreaterThan(10));
  over.abort();
  await Promise.all(people);
  await vi.waitFor(() => expect(last()).toMatchObject({ ready: 0, wanted: 0, concurrency: 0 }), {
    timeout: 60_000,
  });
  const [first, ...rest] = form();
  expect(first?.perSecond).toBe(null);
  expect(Math.max(...rest.map(({ concurrency }) => concurrency))).toBeGreaterThan(50);
  const { coldStarts } = await formbus.status('demo-form');
  expect(last()?.coldStarts).toBe(coldStarts);
  expect(coldStarts).toBeGreaterThan(1);
  expect(await end(child, 'SIGTERM')).toBe(0);
});

/** Alternate screen and no cursor, and the way back. */
const [enter, leave] = ['\u001b[?1049h\u001b[?25l', '\u001b[?25h\u001b[?1049l'];
const hasScript = spawnSync('script', ['--version']).status === 0 || process.env['CI'] === 'true';
if (!hasScript) console.warn('What watch does on a terminal is not tested: there is no script of util-linux');
/** Runs a command on a terminal of its own. */
const onTerminal = (command: string) =>
  start('script', ['-qec', `stty cols 90 rows 20; exec ${command}`, '/dev/null']);

it.runIf(hasScript)(
  'on a terminal it draws in place, goes on when the runner comes back, and restores the terminal at Ctrl-C',
  async () => {
    const command = `${process.execPath} ${script} --url ${formbus.url}`;
    const { child, output } = onTerminal(command);
    const frames = () => output().split('\u001b[H');
    const drawn = () => frames().at(-1) ?? '';
    await vi.waitFor(() => expect(drawn()).toMatch(/demo-form +0→0/));
    expect(output()).toContain(enter);
    expect(await submit(1)).toBe(202);
    await vi.waitFor(() => expect(drawn()).toMatch(/demo-form +1→1 .*·▁/));

    const { url } = formbus;
    await formbus.end('SIGTERM');
    await vi.waitFor(() => expect(drawn()).toContain('start it with npm start'));
    const root = join(folder.path, 'formbus');
    formbus = await startFormbus(join(folder.path, 'data'), { root, port: Number(new URL(url).port) });
    await vi.waitFor(() => expect(drawn()).toMatch(/demo-form +0→0/));
    expect(drawn()).not.toContain('npm start');

    child.stdin?.write('\u0003');
    expect(await end(child)).toBe(0);
    expect(output().trim().endsWith(leave)).toBe(true);
  },
);

it.runIf(hasScript)('after a crash the terminal is as it was, and the error can be read on it', async () => {
  const module = join(import.meta.dirname, '../../tools/watch/terminal.ts');
  const code = `import { openTerminal } from "${module}"; openTerminal(process.stdout); setTimeout(() => { throw new Error("boom"); });`;
  const { child, output } = onTerminal(`${process.execPath} --input-type=module-typescript -e '${code}'`);
  expect(await end(child)).toBe(1);
  expect(output()).toContain(enter);
  expect(output().split(leave)[1]).toContain('boom');
});

it('says what to do where nothing runs, and what cannot be asked for at once', async () => {
  const told = async (...args: string[]) => {
    const { child, output, complaint } = start(process.execPath, [script, ...args]);
    const code = await end(child);
    return [code, output(), complaint()];
  };
  expect(await told('--url', 'http://127.0.0.1:9')).toEqual([
    2,
    '',
    'Formbus does not answer at http://127.0.0.1:9; start it with npm start, choose another with --url, or name a cluster with --context\n',
  ]);
  expect(await told('--namespace', 'n')).toEqual([2, '', expect.stringContaining('set KUBECONFIG')]);
  expect(await told('--url', formbus.url, '--context', 'c')).toEqual([
    2,
    '',
    expect.stringContaining('one of'),
  ]);
});
