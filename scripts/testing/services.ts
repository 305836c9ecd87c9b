import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import * as v from 'valibot';
import type { TestProject } from 'vitest/node';
import { bundleFunctions } from '../build/bundle.ts';
import { addSnapshot } from '../build/snapshot/snapshot.ts';
import { Fault } from '../emulators/sheets/faults/faults.ts';
import { startSheets } from '../emulators/sheets/server.ts';
import { startPostgres } from '../runner/processes/postgres.ts';
import { launchBrowser } from './browser.ts';
import { startTestKafka } from './kafka.ts';
import { copyTemplate, makeTemplate } from './postgres-template.ts';

/** Something that runs for one test file: what the file has to know of it, and what it may ask of it. */
interface Service {
  answer: Record<string, unknown>;
  calls?: Record<string, (...args: unknown[]) => unknown>;
  close(): Promise<unknown>;
}

/**
 * What tests share, and what tests of `functions/` use without importing `scripts/`. It is reached by HTTP: each service starts
 * when a test first asks for it, and ends with the run at the latest. `POST /NAME` opens one, `POST /NAME/ID/CALL` asks it.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dir = await mkdtemp(join(tmpdir(), 'formbus-run-'));
  const opened = new Map<string, Service>();

  async function open(start: (folder: string) => Promise<Service>): Promise<Record<string, unknown>> {
    const id = randomUUID();
    const service = await start(join(dir, id));
    opened.set(id, service);
    return { id, ...service.answer };
  }
  const shared = (start: (folder: string) => Promise<Service>) => {
    let started: Promise<Record<string, unknown>> | undefined;
    return () => (started ??= open(start));
  };
  const template = shared(async (folder) => {
    await makeTemplate(folder);
    return { answer: { folder }, close: async () => {} };
  });
  const services: Record<string, (body: unknown) => Promise<unknown>> = {
    bundle: async (body) => {
      const { root, outDir } = v.parse(Bundle, body);
      const bundle = await bundleFunctions({ root, outDir });
      await addSnapshot({ root, dir: bundle });
      return { dir: bundle };
    },
    browser: shared(launchBrowser),
    kafka: shared(async () => {
      const { url, close } = await startTestKafka();
      return { answer: { url }, close };
    }),
    'postgres-template': template,
    postgres: async () => {
      const { folder } = v.parse(v.object({ folder: v.string() }), await template());
      return open((own) => openPostgres(own, folder));
    },
    sheets: (body) => open((own) => openSheets(own, v.parse(Ids, body))),
  };

  async function answer(path: string, body: unknown): Promise<unknown> {
    const [name = '', id = '', call = ''] = path.split('/');
    if (id === '') return services[name]?.(body);
    const service = opened.get(id);
    if (!service) throw new Error(`${path} is closed`);
    if (call !== 'close') return service.calls?.[call]?.(...v.parse(v.array(v.unknown()), body));
    opened.delete(id);
    return service.close();
  }

  const server = createServer((req, res) => {
    text(req)
      .then((body) => answer(req.url?.slice(1) ?? '', JSON.parse(body)))
      .then(
        (result) => res.end(JSON.stringify(result ?? null)),
        (error: unknown) => res.writeHead(500).end(String(error)),
      );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = v.parse(v.object({ port: v.number() }), server.address());
  project.provide('services', `http://127.0.0.1:${port}`);

  return async () => {
    server.close();
    server.closeAllConnections();
    await Promise.all([...opened.values()].map(({ close }) => close()));
    await rm(dir, { recursive: true, force: true });
  };
}

const Ids = v.array(v.string());
const Bundle = v.object({ root: v.string(), outDir: v.string() });
const Protection = v.union([v.boolean(), v.object({ column: v.number() })]);

async function openSheets(dir: string, spreadsheets: string[]): Promise<Service> {
  const plenty = { perUser: 1e6, perProject: 1e6 };
  const { url, make, setRevoked, setProtected, faults, pending, close } = await startSheets({
    dir,
    spreadsheets,
    quota: plenty,
  });
  return {
    answer: { url },
    calls: {
      make: (ids) => make(v.parse(Ids, ids)),
      revoke: (id, isRevoked) => setRevoked(v.parse(v.string(), id), v.parse(v.boolean(), isRevoked)),
      protect: (id, title, protection) =>
        setProtected(v.parse(v.string(), id), v.parse(v.string(), title), v.parse(Protection, protection)),
      faults: (added) => faults.add(v.parse(v.array(Fault), added)),
      'clear-faults': () => faults.clear(),
      pending,
    },
    close,
  };
}

async function openPostgres(dir: string, template: string): Promise<Service> {
  await copyTemplate(template, dir);
  const quiet = () => {};
  const { url, pid, close } = await startPostgres({ dir, log: { info: quiet, warn: quiet, error: quiet } });
  return { answer: { url }, calls: { pid }, close };
}
