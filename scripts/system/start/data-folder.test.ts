import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';
import * as v from 'valibot';
import { addressOf, connectionsOf } from '../../tools/client/running.ts';
import { openDisk } from '../../chaos/faults/disk.ts';
import { startFormbus, temporaryFolder } from '../../testing/formbus.ts';

const scripts = join(import.meta.dirname, '../../commands');
// The folders of these tests begin as they say, without a database cluster.
delete process.env['FORMBUS_POSTGRES_TEMPLATE'];

async function newFolder(): Promise<string> {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  return join(folder.path, 'data');
}

async function start(data: string, options?: Parameters<typeof startFormbus>[1]) {
  const formbus = await startFormbus(data, options);
  onTestFinished(() => void formbus.end('SIGKILL'));
  return formbus;
}

async function run(script: string, ...args: string[]) {
  const child = spawn(process.execPath, [join(scripts, script), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const closed = once(child, 'close');
  const [output, complaint] = await Promise.all([text(child.stdout), text(child.stderr)]);
  await closed;
  return { output, complaint, code: child.exitCode };
}

/** What others than its owner may do anything with, below a folder and itself. */
function openToOthers(folder: string): string[] {
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
  return [folder, ...paths].filter((path) => (lstatSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o077);
}

it('no other user may read a data folder, whether new or open to all before', async () => {
  const data = await newFolder();
  const formbus = await start(data);
  const form = { method: 'POST', body: new URLSearchParams({ name: 'Asha', message: 'x' }) };
  expect((await fetch(`${formbus.url}/demo-form/`, form)).status).toBe(202);
  expect(await formbus.flush()).toBe(204);
  expect(openToOthers(data)).toEqual([]);
  await formbus.end('SIGTERM');

  spawnSync('chmod', ['-R', 'a+rX', data]);
  // PostgreSQL itself starts on nothing else.
  spawnSync('chmod', ['-R', 'go-rwx', join(data, 'postgres/data')]);
  expect(openToOthers(data)).toContain(join(data, 'secrets.json'));
  const again = await start(data);
  expect(openToOthers(data)).toEqual([]);
  expect((await fetch(`${again.url}/demo-form/`, form)).status).toBe(202);
  expect(await again.flush()).toBe(204);
  expect(await again.rows('demo-form')).toHaveLength(2);
});

it('no answer holds a password; from the data folder, tools of this user know where the database is', async () => {
  const data = await newFolder();
  const redis = await start(await newFolder());
  const { redis: address } = await connectionsOf(redis.url);
  const formbus = await start(data, { env: { REDIS_URL: address.replace('//', '//:s3cret-word@') } });
  const password = readFileSync(join(data, 'postgres/password'), 'utf8');
  const { redis: own, database } = await connectionsOf(formbus.url);
  expect([own, database]).toEqual([
    expect.stringContaining('s3cret-word'),
    expect.stringContaining(password),
  ]);
  for (const path of [
    '/',
    '/_/connections',
    '/_/services',
    '/_/schedules',
    '/_/events',
    '/_/metrics',
    '/_/sheets/',
  ]) {
    const answer = await (await fetch(formbus.url + path)).text();
    expect(answer).not.toContain(password);
    expect(answer).not.toContain('s3cret-word');
  }
});

it('tools find an npm start by its data folder; the files of a killed one mislead no tool', async () => {
  const data = await newFolder();
  const nobody = `no Formbus runs in ${data}: start it with npm start, or choose another with --url or --data`;
  expect(() => addressOf({ data })).toThrow(nobody);
  const formbus = await start(data);
  expect(addressOf({ data })).toBe(formbus.url);
  expect(addressOf({ data, url: 'http://127.0.0.1:1/' })).toBe('http://127.0.0.1:1');
  const form = new URLSearchParams({ name: 'Asha', message: 'x' });
  const answer = await fetch(`${formbus.url}/demo-form/`, { method: 'POST', body: form });
  const { id } = v.parse(v.object({ id: v.string() }), await answer.json());
  await formbus.flush();
  for (const [script, ...args] of [
    ['load.ts', '--users', '1', '--requests', '1'],
    ['audit.ts'],
    ['dead-letters.ts', 'list'],
    ['export.ts', '--form', 'demo-form', '--format', 'csv'],
    ['replay.ts', '--form', 'demo-form', '--task', 'demo-task', '--dry-run'],
    ['forget.ts', '--form', 'demo-form', '--id', id],
  ] as const)
    expect([script, await run(script, '--data', data, ...args)]).toMatchObject([script, { code: 0 }]);

  await formbus.end('SIGKILL');
  expect(existsSync(join(data, 'running.json'))).toBe(true);
  expect(await run('audit.ts', '--data', data)).toEqual({ output: '', complaint: `${nobody}\n`, code: 2 });
  expect(await run('watch.ts', '--data', data)).toEqual({ output: '', complaint: `${nobody}\n`, code: 2 });
});

it('a port that is taken leaves no data folder behind', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  onTestFinished(() => void taken.close());
  const { port } = v.parse(v.object({ port: v.number() }), taken.address());
  const data = await newFolder();
  await expect(startFormbus(data, { port })).rejects.toThrow(`port ${port} is in use`);
  expect(existsSync(data)).toBe(false);
});

it('a folder with something else in it is left as it is', async () => {
  const data = await newFolder();
  mkdirSync(data);
  chmodSync(data, 0o755);
  writeFileSync(join(data, 'letters.txt'), 'mine');
  await expect(startFormbus(data)).rejects.toThrow(
    `${data} holds something other than the data of a formbus`,
  );
  expect(openToOthers(data)).toHaveLength(2);
});

it('a file in place of the data folder is named', async () => {
  const data = await newFolder();
  writeFileSync(data, '');
  await expect(startFormbus(data)).rejects.toThrow(
    `data folder ${data} cannot be written: there is a file in its place`,
  );
});

const isRoot = process.getuid?.() === 0;

it('a data folder on a full disk is named', async ({ skip }) => {
  const data = await newFolder();
  const disk = await openDisk(data);
  onTestFinished(() => disk.close({ keep: false }));
  await disk.fill().catch((error: unknown) => skip(String(error)));
  await expect(startFormbus(data)).rejects.toThrow(`data folder ${data} cannot be written: its disk`);
});

it('a read-only data folder is named', async ({ skip }) => {
  const data = await newFolder();
  const disk = await openDisk(data);
  onTestFinished(() => disk.close({ keep: false }));
  if (!isRoot) chmodSync(data, 0o500);
  else if (spawnSync('mount', ['-o', 'remount,ro', data]).status !== 0) skip('it cannot be made read-only');
  for (const folder of [data, join(data, 'new', 'one')])
    await expect(startFormbus(folder)).rejects.toThrow(`data folder ${folder} cannot be written: `);
});
