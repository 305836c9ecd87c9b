import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { deploy } from './deployment.ts';
import { bundleInto } from '../serving/launch.ts';
import { loadManifests } from '../../manifests/manifests.ts';
import { openReloader, type ReloaderOptions } from './reload.ts';
import { startRunner } from '../runner.ts';
import { recordingLog, tempFolder } from '../serving/testing.ts';
import { withPostgres } from '../../testing/postgres-template.ts';

const project = resolve(import.meta.dirname, '../../..');

/** A project of the test's own, to be changed. */
function openProject() {
  const root = tempFolder();
  for (const folder of ['eventing', 'knative', 'functions'])
    cpSync(join(project, folder), join(root, folder), { recursive: true });
  for (const file of ['package.json', 'tsconfig.json']) cpSync(join(project, file), join(root, file));
  symlinkSync(join(project, 'node_modules'), join(root, 'node_modules'));
  const log = recordingLog();
  const write = (file: string, text: string) => {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  };
  const read = (file: string) => readFileSync(join(root, file), 'utf8');
  return {
    root,
    log,
    edit: (file: string, from: string, to: string) => {
      if (!read(file).includes(from)) throw new Error(`${file} has no ${from}`);
      write(file, read(file).replaceAll(from, to));
    },
    copy: (file: string, to: string, from: string, name: string) =>
      write(to, read(file).replaceAll(from, name)),
    /** Of the first line with that text, from 1. */
    lineOf: (file: string, text: string) => read(file).split(text)[0]?.split('\n').length,
    remove: (file: string) => rmSync(join(root, file), { recursive: true }),
    said: (text: string) => vi.waitFor(() => expect(log.lines.join('\n')).toContain(text)),
    count: (text: string) => log.lines.filter((line) => line.includes(text)).length,
  };
}

/** One that runs. */
async function start() {
  const opened = openProject();
  const data = tempFolder();
  const { root, log } = opened;
  await withPostgres(data);
  const { url, close } = await startRunner({ root, data, port: 0, log, say: () => {}, env: {} });
  onTestFinished(close);
  return {
    ...opened,
    url,
    data,
    submit: (form: string, fields: Record<string, string>) =>
      fetch(`${url}/${form}/`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(fields),
      }),
  };
}

const demo = { name: 'Asha', message: 'Hello' };

test('a form and a task that are new run at once, others keep their instances; what is removed is gone', async () => {
  const { edit, copy, said, submit, remove, url, log, count, data } = await start();
  // A busy machine may take longer than its window for all of this.
  edit('knative/forms/demo-form.yaml', 'window: 30s', 'window: 10m');
  await said('changed: demo-form');
  expect((await submit('demo-form', demo)).status).toBe(202);
  await said('info demo-task: seen');
  const code = (kind: string, name: string) => `functions/${kind}/${name}/${name}.ts`;
  copy(code('forms', 'demo-form'), code('forms', 'new-form'), 'demo-form', 'new-form');
  copy('knative/forms/demo-form.yaml', 'knative/forms/new-form.yaml', 'demo-form', 'new-form');
  await said('new: new-form');
  expect((await submit('new-form', demo)).status).toBe(202);
  copy(code('tasks', 'demo-task'), code('tasks', 'new-task'), 'demo-task', 'new-task');
  copy('knative/tasks/demo-task.yaml', 'knative/tasks/new-task.yaml', 'demo-task', 'new-task');
  copy('eventing/triggers/demo-task.yaml', 'eventing/triggers/new-task.yaml', 'demo-task', 'new-task');
  await said('new: new-task, Trigger new-task');
  expect((await submit('demo-form', demo)).status).toBe(202);
  await said('info new-task: seen');
  // They read titles and words of every form.
  expect(log.lines.filter((line) => line.includes('changed: '))).toEqual([
    expect.stringContaining('changed: demo-form'),
    expect.stringContaining('changed: send-confirmation, sheets-flush'),
  ]);
  expect(count('info demo-form: instance started')).toBe(1);

  remove('eventing/triggers/new-task.yaml');
  remove('knative/tasks/new-task.yaml');
  remove('knative/forms/new-form.yaml');
  await said('gone: new-form, new-task, Trigger new-task');
  expect((await submit('new-form', demo)).status).toBe(404);
  expect((await submit('demo-form', demo)).status).toBe(202);
  await expect.poll(() => count('info demo-task: seen')).toBe(3);
  expect(count('info new-task: seen')).toBe(1);
  expect(await (await fetch(`${url}/_/dead-letters`)).json()).toEqual([]);
  // Bundles from which nothing runs any more are removed.
  const bundles = () => readdirSync(join(data, 'functions')).length;
  expect(bundles()).toBeLessThan(5);
}, 120_000);

test('a mistake in a manifest or in code is reported with its file, what runs goes on, and the next save repairs it', async () => {
  const { root, edit, lineOf, said, submit, count } = await start();
  const status = async () => (await submit('demo-form', demo)).status;
  expect(await status()).toBe(202);

  edit('knative/forms/demo-form.yaml', 'timeoutSeconds', 'timeoutSecond');
  await said('knative/forms/demo-form.yaml: spec.template.spec.timeoutSecond: is an unknown');
  expect(await status()).toBe(202);
  edit('knative/forms/demo-form.yaml', 'timeoutSecond: 30', 'timeoutSeconds: 31');
  await said('changed: demo-form');
  expect(await status()).toBe(202);

  const code = 'functions/forms/demo-form/demo-form.ts';
  edit(code, "'demo-form',", "'demo-form' oops,");
  await said(`${code}:${lineOf(code, 'oops')}:`);
  expect(await status()).toBe(202);
  edit(code, "'demo-form' oops,", "String(JSON.parse('{')),");
  await said('knative/forms/demo-form.yaml: demo-form exited with code 1');
  expect(await status()).toBe(202);
  edit(code, "String(JSON.parse('{')),", "'demo-form',");
  edit(code, 'max: 100', 'max: 3');
  await expect.poll(status).toBe(422);

  edit('eventing/sources/sheets-flush.yaml', '* * * * *', '99 * * * *');
  await said('eventing/sources/sheets-flush.yaml: spec.schedule');
  edit('eventing/sources/sheets-flush.yaml', '99 * * * *', '* * * * *');
  await said('what is saved is what runs');
  expect(count('what is saved is what runs')).toBe(1);
  const triggers = readdirSync(join(root, 'eventing/triggers')).map((name) => `eventing/triggers/${name}`);
  for (const file of triggers) edit(file, 'broker: formbus', 'broker: other');
  edit('eventing/sources/form-submissions.yaml', 'name: formbus', 'name: other');
  edit('eventing/broker.yaml', 'name: formbus', 'name: other');
  await said('eventing/broker.yaml: metadata.name: the Broker cannot be renamed while it runs');
  expect(count('What runs goes on as it was')).toBeGreaterThanOrEqual(5);
  expect(await status()).toBe(422);
});

test('a form that changes restarts the tasks that read its titles and words as well, and nothing else', async () => {
  const { edit, said, count } = await start();
  edit('functions/forms/demo-form/demo-form.ts', 'Your name', 'What are you called?');
  await said('the change is running');
  expect(count('changed: demo-form, send-confirmation, sheets-flush {')).toBe(1);
});

test('a mistake in types is reported with its file and line, harms nothing that runs, and its end is reported, too', async () => {
  const { edit, lineOf, said, submit, count } = await start();
  const code = 'functions/forms/demo-form/demo-form.ts';
  edit(code, 'max: 100', 'maxx: 100');
  await said(
    `warn types: ${code}(${lineOf(code, 'maxx')},31): error TS2561: Object literal may only specify known properties`,
  );
  expect((await submit('demo-form', demo)).status).toBe(202);
  edit(code, 'maxx: 100', 'max: 100');
  await said('info types: the types are right again');
  expect(count('warn types')).toBe(1);
});

test('the stack of a task that fails names the line of its source', async () => {
  const { edit, lineOf, said, submit } = await start();
  const code = 'functions/tasks/demo-task/demo-task.ts';
  edit(code, 'log.info(', "JSON.parse('{'); log.info(");
  await said('changed: demo-task');
  expect((await submit('demo-form', demo)).status).toBe(202);
  await said('error demo-task: failed permanently');
  await said(`"${code}:${lineOf(code, 'JSON.parse')}:`);
});

test('changes under load: every submission is taken, and each task gets it once', async () => {
  const { edit, said, submit, count, log } = await start();
  const statuses: number[] = [];
  const submitters = new AbortController();
  const submitter = async () => {
    while (!submitters.signal.aborted) statuses.push((await submit('demo-form', demo)).status);
  };
  const load = Promise.all(Array.from({ length: 4 }, submitter));
  const running = () => count('the change is running');
  await said('info demo-task: seen');
  for (const [round, [file, from, to]] of [
    ['functions/forms/demo-form/demo-form.ts', 'max: 100', 'max: 101'],
    ['functions/tasks/demo-task/demo-task.ts', "'seen'", "'seen again'"],
    ['eventing/triggers/demo-task.yaml', 'broker: formbus', 'broker: formbus\n  delivery: { retry: 499 }'],
    ['knative/config.yaml', 'LOG_LEVEL: info', 'LOG_LEVEL: debug'],
    ['functions/lib/task/judge-event.ts', "'failed permanently'", "'failed for ever'"],
  ].entries()) {
    edit(file ?? '', from ?? '', to ?? '');
    await vi.waitFor(() => expect(running()).toBe(round + 1));
  }
  submitters.abort();
  await load;
  expect(new Set(statuses)).toEqual(new Set([202]));
  const seen = () =>
    log.lines.flatMap((line) => /^info demo-task: seen.*"id":"([^"]+)"/.exec(line)?.[1] ?? []);
  await vi.waitFor(() => expect(seen().length).toBeGreaterThanOrEqual(statuses.length), { timeout: 60_000 });
  expect(new Set(seen()).size).toBe(statuses.length);
  expect(seen()).toHaveLength(statuses.length);
  expect(log.lines.filter((line) => line.startsWith('error') || line.includes('delivery failed'))).toEqual(
    [],
  );
}, 120_000);

test('what is saved while it starts is not missed', async () => {
  const { root, log, copy, said } = openProject();
  const data = tempFolder();
  const starting = startRunner({ root, data, port: 0, log, say: () => {}, env: {} });
  // From here on the manifests have been read.
  await vi.waitFor(() => expect(existsSync(join(data, 'lock'))).toBe(true), { interval: 1 });
  const name = 'new-form';
  copy('functions/forms/demo-form/demo-form.ts', `functions/forms/${name}/${name}.ts`, 'demo-form', name);
  copy('knative/forms/demo-form.yaml', `knative/forms/${name}.yaml`, 'demo-form', name);
  const runner = await starting;
  onTestFinished(() => runner.close());
  await said('new: new-form');
});

test('with a Kafka it says that its resources want a restart, once, and takes up the rest', async () => {
  const { root, log, edit, said, count } = openProject();
  const manifests = loadManifests(root);
  const bundles = join(tempFolder(), 'functions');
  const ambient = {
    IDEMPOTENCY_SECRET: 'a secret for the tests only',
    MAIL_SECRET: 'a secret for the tests only',
    KAFKA_PASSWORD: 'a secret for the tests only',
    DATABASE_URL: 'postgres://127.0.0.1:1/none',
  };
  const bundle = await bundleInto(root, bundles);
  const deployment = await deploy({ root, manifests, bundle, overrides: [], ambient });
  const apply = vi.fn<ReloaderOptions['apply']>();
  const options = { root, bundles, inUse: () => new Set<string>(), overrides: [], ambient, kafka: true };
  const reloader = openReloader({ ...options, deployment, apply, log });
  onTestFinished(() => reloader.close());
  edit('eventing/sources/form-submissions.yaml', 'retry: 500', 'retry: 499');
  reloader.wake();
  await said(
    'warn formbus: KafkaSources, KafkaSinks or KafkaTopics have changed; restart npm start for them',
  );
  edit('eventing/triggers/demo-task.yaml', 'broker: formbus', 'broker: formbus\n  delivery: { retry: 499 }');
  reloader.wake();
  await said('changed: Trigger demo-task');
  expect(count('restart npm start')).toBe(1);
  expect(apply.mock.calls.map(([, changed]) => [...changed])).toEqual([[], []]);
});
