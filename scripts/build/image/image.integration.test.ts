import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HTTP } from 'cloudevents';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { submissionEvent } from '../../../functions/lib/event/event.ts';
import { postJson, startSink, student, type Sink } from '../../../functions/testing/sink.ts';
import { environment } from './environment.ts';
import { openBuilder, type BuiltImage, type ImageBuilder } from './build.ts';
import { startContainer } from './container.ts';
import { buildPackages } from '../package/package.ts';
import { loadManifests } from '../../manifests/manifests.ts';
import type { Service } from '../../manifests/types.ts';
import { howToInstall } from '../../runner/processes/packages.ts';

const root = join(import.meta.dirname, '../../..');
const { services } = loadManifests(root);
const isCi = process.env['CI'] === 'true';
const missing = howToInstall(['buildah', 'debootstrap', 'runc']);
const skipped = !isCi && (missing !== undefined || process.getuid?.() !== 0);
if (skipped)
  console.warn('The image is not built and tried: that needs root, buildah, debootstrap and runc.');

describe.skipIf(skipped)('the image', () => {
  let dir: string;
  let builder: ImageBuilder;
  let image: BuiltImage;
  let sink: Sink;
  beforeAll(async () => {
    if (missing) throw new Error(missing);
    dir = await mkdtemp(join(tmpdir(), 'formbus-image-'));
    sink = await startSink();
    builder = await openBuilder({ root, dir });
    image = await builder.build(root);
  }, 400_000);
  afterAll(async () => {
    await sink?.close();
    await builder?.remove();
    await rm(dir, { recursive: true, force: true });
  }, 60_000);

  /** As Knative starts it, with the environment of its manifest; forms send to a sink here. */
  async function start(service: Service, user = { uid: 65_532, gid: 65_532 }, from = image) {
    const started = await startContainer({
      image: from,
      dir: await mkdtemp(join(dir, `${service.name}-`)),
      env: { ...environment(service, sink.url), PORT: '0', K_SERVICE: service.name },
      user,
    });
    onTestFinished(async () => {
      started.kill('SIGKILL');
      await started.exited;
    });
    return started;
  }

  it('runs as somebody without rights, from its snapshot', () => {
    const Cmd = ['node', '--snapshot-blob', 'snapshot.blob', 'main.mjs'];
    expect(image.config).toMatchObject({ User: '65532:65532', Cmd });
  });

  it.each(services.map((service) => [service.name, service] as const))(
    '%s starts and answers as any user, on a root that cannot be written',
    async (_, service) => {
      const { url, kill, exited } = await start(service, { uid: 1_000_650_000, gid: 0 });
      const isForm = service.file.startsWith('knative/forms/');
      expect((await fetch(url)).status).toBe(isForm ? 200 : 405);
      expect((await postJson(url, {})).status).toBe(isForm ? 422 : 400);
      kill('SIGTERM');
      expect(await exited).toBe(0);
    },
  );

  it('a form answers 202 when its event is out, those in flight at SIGTERM included', async () => {
    const form = await start(named('student-data-form'));
    const held: (() => void)[] = [];
    sink.answer = (res) => held.push(() => res.writeHead(202).end());
    const inFlight = [postJson(form.url, student), postJson(form.url, student)];
    await expect.poll(() => held.length).toBe(2);
    form.kill('SIGTERM');
    const isOpen = () =>
      fetch(form.url).then(
        () => true,
        () => false,
      );
    await expect.poll(isOpen).toBe(false);
    for (const release of held) release();
    expect((await Promise.all(inFlight)).map(({ status }) => status)).toEqual([202, 202]);
    expect(await form.exited).toBe(0);
    sink.answer = undefined;
  });

  it('a task answers 204', async () => {
    const task = await start(named('demo-task'));
    const { headers, body } = HTTP.binary(submission);
    const sent = Object.entries(headers).map(([key, value]): [string, string] => [key, String(value)]);
    const answer = await fetch(task.url, { method: 'POST', headers: sent, body: String(body) });
    expect(answer.status).toBe(204);
  });

  it('of a project that formbus init has made has its own form and the built-in tasks', async () => {
    const { formbus, create } = await buildPackages(join(dir, 'dist'));
    const npm = (cwd: string, ...args: string[]) => execFileSync('npm', args, { cwd, encoding: 'utf8' });
    const tarball = npm(dir, 'pack', '--silent', formbus).trim();
    const init = join(create, 'scripts/commands/init.js');
    execFileSync(process.execPath, [init, 'my-forms', '--formbus', `file:../${tarball}`], { cwd: dir });
    const project = join(dir, 'my-forms');
    // The image leaves them out; without them there is less to resolve.
    npm(project, 'pkg', 'delete', 'devDependencies');
    npm(project, 'install', '--package-lock-only', '--prefer-offline');
    // The build's folder lies at the root of the file system.
    const own = await builder.build(project, { [`/${tarball}`]: join(dir, tarball) });
    const files = readdirSync(join(own.rootfs, 'app'));
    expect(files).toEqual(expect.arrayContaining(['main.mjs', 'demo-form.mjs', 'sheets-flush.mjs']));
    expect(files).not.toContain('student-data-form.mjs');
    const form = await start(named('demo-form'), undefined, own);
    expect((await postJson(form.url, { name: 'Asha', message: 'Hello' })).status).toBe(202);
    const task = await start(named('archive'), undefined, own);
    expect((await postJson(task.url, {})).status).toBe(400);
  });
});

const submission = submissionEvent({
  type: 'form.submitted',
  id: 'id-1',
  form: 'demo-form',
  receivedAt: new Date(),
  data: { name: 'Asha', message: 'Hello' },
  dataschema: 'urn:formbus:form:demo-form:0',
  spreadsheetId: 'spreadsheet-1',
  tab: 'demo-form',
  traceparent: undefined,
});

function named(name: string): Service {
  const service = services.find((one) => one.name === name);
  if (!service) throw new Error(`there is no ${name}`);
  return service;
}
