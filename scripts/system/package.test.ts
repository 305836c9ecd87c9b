import { spawnSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { startFunction } from '../../functions/testing/process.ts';
import { formEnv, postJson, startSink } from '../../functions/testing/sink.ts';
import { buildPackages } from '../build/package/package.ts';
import { startFormbus, temporaryFolder, type StartedFormbus } from '../testing/formbus.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let root: string;

const run = (cwd: string, command: string, ...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  return { status, output: stdout + stderr };
};
const formbus = (...args: string[]) => run(root, join(root, 'node_modules/.bin/formbus'), ...args);

/** What an organisation does: packs as from npm, a project made by `npm create formbus`, one install. */
beforeAll(async () => {
  folder = await temporaryFolder();
  root = join(folder.path, 'my-forms');
  const { formbus: built, create } = await buildPackages(join(folder.path, 'dist'));
  expect(run(folder.path, 'npm', 'pack', '--silent', built)).toMatchObject({ status: 0 });
  const [tarball] = readdirSync(folder.path).filter((file) => file.endsWith('.tgz'));
  const init = join(create, 'scripts/commands/init.js');
  const made = run(folder.path, process.execPath, init, 'my-forms', '--formbus', `file:../${tarball}`);
  expect(made).toMatchObject({ status: 0, output: expect.stringContaining('cd my-forms && npm install') });
  const options = ['--prefer-offline', '--no-audit', '--no-fund'];
  expect(run(root, 'npm', 'install', ...options)).toMatchObject({ status: 0 });
}, 600_000);
afterAll(() => folder.remove(), 60_000);

it('refuses to make a project in a folder that has something in it', () => {
  const again = formbus('init', '.');
  expect(again).toMatchObject({ status: 1, output: expect.stringContaining('is not empty') });
});

it('keeps the rules as it was made, and the doctor finds nothing in its manifests', () => {
  expect(formbus('check')).toEqual({ status: 0, output: '' });
  expect(formbus('doctor')).toMatchObject({
    status: 0,
    output: 'Everything is as this Formbus wants it.\n',
  });
});

it('installs one of the APIs of googleapis, under its licence', () => {
  expect(readdirSync(join(root, 'node_modules'))).not.toContain('googleapis');
  const googleapis = join(root, 'node_modules/formbus/node_modules/googleapis');
  expect(readdirSync(googleapis).toSorted()).toEqual(['LICENSE', 'build', 'package.json']);
  expect(readdirSync(join(googleapis, 'build/src/apis'))).toEqual(['sheets']);
});

it('starts by the command of its package.json', () => {
  const { status, output } = run(root, 'npm', 'start', '--silent', '--', '--help');
  expect([status, output]).toEqual([0, expect.stringMatching(/^Runs Formbus on this machine/)]);
});

it('says what to install for a command that needs more', () => {
  expect(formbus('cluster', 'check')).toMatchObject({
    status: 1,
    output: expect.stringContaining('npm install --save-dev @kubernetes/client-node'),
  });
});

it('runs: a form and a task that are added while it runs process a submission, and its row is in the sheet', async () => {
  let started: StartedFormbus | undefined;
  try {
    started = await startFormbus(join(folder.path, 'data'), { root });
    const { url, output } = started;
    expect((await postJson(`${url}/demo-form/`, { name: 'Asha', message: 'Hello' })).status).toBe(202);
    expect(formbus('new', 'form', 'visitor-book')).toMatchObject({ status: 0 });
    expect(formbus('new', 'task', 'count-visits', '--form', 'visitor-book')).toMatchObject({ status: 0 });
    await expect.poll(output, { timeout: 60_000 }).toMatch(/new: .*Trigger count-visits/);
    const visit = () => postJson(`${url}/visitor-book/`, { name: 'Ravi', message: 'Good day' });
    await expect.poll(async () => (await visit()).status, { timeout: 60_000 }).toBe(202);
    await vi.waitFor(() => expect(output()).toMatch(/count-visits +seen/), { timeout: 60_000 });
    expect(await started.flush()).toBe(204);
    expect(await started.rows('demo-form')).toMatchObject([{ name: 'Asha', message: 'Hello' }]);
    expect((await started.rows('visitor-book'))[0]).toMatchObject({ name: 'Ravi', message: 'Good day' });
    expect(await started.deadLetters()).toEqual([]);
  } finally {
    await started?.end('SIGTERM');
  }
}, 240_000);

it('passes its own npm test, and fails it when a manifest cannot be read', () => {
  const { status, output } = run(root, 'npm', 'test');
  expect([status, output]).toEqual([0, expect.stringContaining('visitor-book.test.ts')]);
  writeFileSync(join(root, 'knative/forms/no-code.yaml'), 'kind: Service\n');
  expect(run(root, 'npm', 'test')).toMatchObject({
    status: 2,
    output: expect.stringContaining('knative/forms/no-code.yaml'),
  });
}, 240_000);

it('bundles its functions with the built-in tasks, and a form of its own answers 202 from the bundle', async () => {
  const bundle = formbus('bundle', '--out', 'out');
  expect(bundle).toMatchObject({ status: 0 });
  const files = readdirSync(join(root, 'out'));
  expect(files).toEqual(expect.arrayContaining(['main.mjs', 'demo-form.mjs', 'sheets-flush.mjs']));
  expect(files).not.toContain('student-data-form.mjs');
  const sink = await startSink();
  const started = await startFunction(
    join(root, 'out/main.mjs'),
    formEnv(sink, { FUNCTION_TARGET: 'demo-form' }),
  );
  expect((await postJson(started.url, { name: 'Asha', message: 'Hello' })).status).toBe(202);
  expect(sink.events).toMatchObject([{ form: 'demo-form' }]);
  started.kill('SIGTERM');
  expect(await started.exited).toBe(0);
  await sink.close();
});
