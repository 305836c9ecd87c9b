import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFunction } from '../../../functions/testing/process.ts';
import { bodyOf, postJson, startSink, type Sink } from '../../../functions/testing/sink.ts';
import { loadManifests } from '../../manifests/manifests.ts';
import type { Service } from '../../manifests/types.ts';
import { tempFolder } from '../../runner/serving/testing.ts';
import { bundleFunctions } from '../bundle.ts';
import { environment } from '../image/environment.ts';
import { addSnapshot, snapshotFile } from './snapshot.ts';

const root = join(import.meta.dirname, '../../..');
const { services } = loadManifests(root);
const flags = ['--snapshot-blob', snapshotFile];

describe('each function starts from the snapshot alone, without the bundle beside it:', () => {
  let cwd: string;
  let sink: Sink;
  beforeAll(async () => {
    cwd = await mkdtemp(join(tmpdir(), 'formbus-'));
    await addSnapshot({ root, dir: cwd });
    sink = await startSink();
  });
  afterAll(async () => {
    await sink.close();
    await rm(cwd, { recursive: true });
  });

  const start = (service: Service) =>
    startFunction('main.mjs', environment(service, sink.url), { cwd, flags });

  it.each(services.map((service) => [service.name, service] as const))('%s', async (_, service) => {
    const { url, kill, exited } = await start(service);
    const isForm = service.file.startsWith('knative/forms/');
    expect((await fetch(url)).status).toBe(isForm ? 200 : 405);
    expect((await postJson(url, {})).status).toBe(isForm ? 422 : 400);
    kill('SIGTERM');
    expect(await exited).toBe(0);
  });

  it('two instances of a form have no id in common', async () => {
    const form = services.find(({ name }) => name === 'demo-form');
    if (!form) throw new Error('there is no demo-form');
    const instances = [await start(form), await start(form)];
    const ids = [];
    for (const { url } of [...instances, ...instances]) {
      const answer = await postJson(url, { name: 'Asha', message: 'Hello' });
      expect(answer.status).toBe(202);
      ids.push((await bodyOf(answer))['id']);
    }
    // The part of a UUIDv7 that is random.
    expect(new Set(ids.map((id) => String(id).slice(14))).size).toBe(4);
    for (const { kill, exited } of instances) {
      kill('SIGTERM');
      await exited;
    }
  });
});

describe('a project', () => {
  it('has nothing of the process that made the snapshot', async () => {
    const dir = await snapshotOf({
      'functions/forms/one/one.ts': `
        import { randomUUID } from 'node:crypto';
        const { pid, env } = process;
        export const seen = { random: Math.random(), uuid: randomUUID(), pid, origin: performance.timeOrigin, now: Date.now(), env: env.SEEN, args: process.argv.slice(2) };`,
    });
    const begun = Date.now();
    const [first, second] = ['1', '2'].map((SEEN) =>
      v.parse(Seen, JSON.parse(run(dir, { SEEN }, '--check', SEEN).stdout)),
    );
    for (const seen of [first, second]) {
      expect(seen?.now).toBeGreaterThanOrEqual(begun);
      // A clock that counts from the start of the process.
      expect(seen?.origin).toBeGreaterThan(begun - 1_000);
    }
    for (const key of ['random', 'uuid', 'pid', 'origin'] as const)
      expect(first?.[key]).not.toBe(second?.[key]);
    expect([first?.env, second?.env, first?.args]).toEqual(['1', '2', ['--check', '1']]);
  });
  const Seen = v.object({
    random: v.number(),
    uuid: v.string(),
    pid: v.number(),
    origin: v.number(),
    now: v.number(),
    env: v.string(),
    args: v.array(v.string()),
  });

  it('has in place of `domain` what the bundle has', async () => {
    const dir = await snapshotOf({
      'functions/lib/serve/stand-ins/domain.ts': `export const create = () => 'pass-through';`,
      'node_modules/old/index.js': `module.exports = require('domain').create();`,
      'functions/forms/one/one.ts': `import old from 'old'; export const seen = old;`,
    });
    expect(run(dir).stdout).toBe('"pass-through"\n');
  });

  it('has stacks with the lines of its sources', async () => {
    const lines = JSON.stringify(join(root, 'functions/lib/runtime/source-lines.ts'));
    const dir = await snapshotOf({
      'functions/forms/one/one.ts': `import { nameSourceLines } from ${lines};\nnameSourceLines();\n\nexport const seen = new Error('seen').stack;`,
    });
    expect(run(dir).stdout).toMatch(/functions\/forms\/one\/one\.ts:4:/);
  });

  it('whose functions cannot be in a snapshot starts them from the bundle, and hears why', async () => {
    const files = project({
      'functions/forms/one/one.ts': `export const seen = await Promise.resolve('late');`,
    });
    const dir = await bundleFunctions({ root: files, outDir: join(files, 'out') });
    expect(await addSnapshot({ root: files, dir })).toMatch(/Top-level await[^]*one\.ts:1/);
    expect(run(dir)).toMatchObject({ status: 0, stdout: '"late"\n' });
  });

  it('gets no snapshot when its library would have the same random number in all instances', async () => {
    const random = `import { randomBytes } from 'node:crypto'; export const secret = randomBytes(8);`;
    await expect(snapshotOf({ 'functions/lib/index.ts': random })).rejects.toThrow(
      'crypto.randomBytes while the snapshot is made',
    );
  });

  it('gets no snapshot when a package makes something of a module of Node that cannot be in one', async () => {
    const inherits = `import { Agent } from 'node:http'; export class Own extends Agent {}`;
    await expect(snapshotOf({ 'functions/lib/index.ts': inherits })).rejects.toThrow(
      /makes no snapshot[^]*extends/,
    );
  });

  it('is refused by another Node, which says so', async () => {
    const dir = await snapshotOf({});
    const file = join(dir, snapshotFile);
    const blob = readFileSync(file, 'latin1');
    const version = process.version.slice(1);
    writeFileSync(
      file,
      blob.replace(
        version,
        version.replace(/\d$/, (digit) => String((Number(digit) + 1) % 10)),
      ),
      'latin1',
    );
    expect(run(dir)).toMatchObject({
      status: 14,
      stderr: expect.stringContaining('Failed to load the startup snapshot'),
    });
  });
});

/** A project whose functions print what they export as `seen`. */
function project(files: Record<string, string>): string {
  const folder = tempFolder();
  const all = {
    'functions/main.ts': `import { loadModule } from './lib/runtime/load.ts'; loadModule('one').then((all) => console.log(JSON.stringify(all[0])));`,
    'functions/lib/runtime/load.ts': `export async function loadModule(name: string) { const file = './' + name + '.mjs'; return Object.values(await import(file)); }`,
    'functions/lib/index.ts': `export {};`,
    'functions/lib/serve/serve.ts': `export {};`,
    'functions/forms/one/one.ts': `export const seen = 1;`,
    ...files,
  };
  for (const [path, content] of Object.entries(all)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  return folder;
}

/** The folder of a snapshot of a project, which is in another one than it was made in. */
async function snapshotOf(files: Record<string, string>): Promise<string> {
  const [made, dir] = [tempFolder(), tempFolder()];
  const problem = await addSnapshot({ root: project(files), dir: made });
  if (problem !== undefined) throw new Error(problem);
  cpSync(made, dir, { recursive: true });
  return dir;
}

function run(cwd: string, env: Record<string, string> = {}, ...args: string[]) {
  return spawnSync(process.execPath, [...flags, 'main.mjs', ...args], { cwd, env, encoding: 'utf8' });
}
