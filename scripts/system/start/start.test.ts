import { randomUUID } from 'node:crypto';
import { globSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import * as v from 'valibot';
import { student } from '../../../functions/testing/sink.ts';
import {
  dataFolder,
  processesOf,
  startFormbus,
  temporaryFolder,
  type StartedFormbus,
} from '../../testing/formbus.ts';

const tasks = globSync('knative/tasks/*.yaml', { cwd: join(import.meta.dirname, '../../..') }).map((file) =>
  basename(file, '.yaml'),
);

const Accepted = v.object({ id: v.string(), form: v.string(), receivedAt: v.string() });

function submit(url: string, form: string, fields: Record<string, string>, key = ''): Promise<Response> {
  const headers = { 'content-type': 'application/json', 'idempotency-key': key };
  return fetch(`${url}/${form}/`, { method: 'POST', headers, body: JSON.stringify(fields) });
}

/** As a client does: a 503 is sent again, under the same key. */
async function submitUntilTaken(url: string, form: string, fields: Record<string, string>): Promise<number> {
  const key = randomUUID();
  for (;;) {
    const { status } = await submit(url, form, fields, key);
    if (status !== 503) return status;
  }
}

describe('from curl to a row', () => {
  let folder: Awaited<ReturnType<typeof dataFolder>>;
  let formbus: StartedFormbus;
  beforeAll(async () => {
    folder = await dataFolder();
    formbus = await startFormbus(folder.path);
  });
  afterAll(async () => {
    await formbus.end('SIGKILL');
    await folder.remove();
  });

  it('a submission is accepted, delivered to its tasks, and stands in the sheet after the flush', async () => {
    // One straight after the other, from nothing, as the README's commands are.
    const answer = await submit(formbus.url, 'student-data-form', student);
    expect(answer.status).toBe(202);
    const { id, receivedAt } = v.parse(Accepted, await answer.json());
    const other = await submit(formbus.url, 'demo-form', { name: '=1+1', message: 'one\n"two", three' });
    const { id: otherId } = v.parse(Accepted, await other.json());
    expect(await formbus.flush()).toBe(204);
    await expect.poll(formbus.output).toMatch(/demo-task +seen/);
    const rows = async (tab: string, of: string) =>
      (await formbus.rows(tab)).filter((row) => row['id'] === of);
    expect(await rows('student-data-form', id)).toEqual([{ id, time: receivedAt, ...student }]);
    expect(await rows('demo-form', otherId)).toMatchObject([{ name: '=1+1', message: 'one\n"two", three' }]);
    expect(await formbus.deadLetters()).toEqual([]);
  });

  it('no task is reached at the address that forms have', async () => {
    const headers = { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/s', 'ce-type': 'form.submitted' };
    const post = async (task: string) => {
      const { status } = await fetch(`${formbus.url}/${task}/`, { method: 'POST', headers, body: '{}' });
      return [task, status];
    };
    expect(tasks).toContain('sheets-buffer');
    expect(await Promise.all(tasks.map(post))).toEqual(tasks.map((task) => [task, 404]));
  });

  it('urlencoded, multipart and browser submissions arrive the same way; suspected ones in the tab for moderators', async () => {
    const url = `${formbus.url}/demo-form/`;
    const multipart = new FormData();
    multipart.set('name', 'multipart');
    multipart.set('message', 'x');
    const urlencoded = new URLSearchParams({ name: 'urlencoded', message: 'x' });
    const browser = new URLSearchParams({ name: 'browser', message: 'x', _token: 'token-1' });
    const bot = new URLSearchParams({ name: 'bot', message: 'x', _url: 'http://spam.example' });
    expect((await fetch(url, { method: 'POST', body: multipart })).status).toBe(202);
    expect((await fetch(url, { method: 'POST', body: urlencoded })).status).toBe(202);
    const page = await fetch(url, { method: 'POST', body: browser, headers: { accept: 'text/html' } });
    expect([page.url.startsWith(`${url}thanks?id=`), page.status]).toEqual([true, 200]);
    expect((await fetch(url, { method: 'POST', body: bot })).status).toBe(202);
    const names = async (tab: string) => {
      await formbus.flush();
      return (await formbus.rows(tab)).map(({ name }) => name);
    };
    await expect.poll(() => names('Moderation')).toContain('bot');
    const formNames = await names('demo-form');
    expect(formNames).toEqual(expect.arrayContaining(['multipart', 'urlencoded', 'browser']));
    expect(formNames).not.toContain('bot');
  });

  it('a burst makes a form scale out, and it goes back to nothing when it is idle, as does every task', async () => {
    const { coldStarts } = await formbus.status('demo-form');
    const burst = Array.from({ length: 400 }, (_, i) =>
      submitUntilTaken(formbus.url, 'demo-form', { name: `burst ${i}`, message: 'x' }),
    );
    expect(new Set(await Promise.all(burst))).toEqual(new Set([202]));
    expect((await formbus.status('demo-form')).coldStarts - coldStarts).toBeGreaterThan(1);
    for (const service of ['demo-form', 'student-data-form', 'sheets-buffer', 'demo-task']) {
      await expect.poll(async () => (await formbus.status(service)).instances, { timeout: 90_000 }).toBe(0);
    }
    expect(await submitUntilTaken(formbus.url, 'demo-form', { name: 'after', message: 'x' })).toBe(202);
  }, 200_000);

  it('a second one on the same folder or the same port is refused with what to do', async () => {
    await expect(startFormbus(folder.path)).rejects.toThrow(/in use by another formbus.*--data/s);
    const other = await temporaryFolder();
    await expect(startFormbus(other.path, { port: Number(new URL(formbus.url).port) })).rejects.toThrow(
      /--port/,
    );
    await other.remove();
  });
});

it('stops cleanly on SIGTERM, leaves no process behind, and goes on where it stopped', async () => {
  const folder = await dataFolder();
  onTestFinished(folder.remove);
  const first = await startFormbus(folder.path);
  onTestFinished(async () => void (await first.end('SIGKILL')));
  const answer = await submit(first.url, 'demo-form', { name: 'before the stop', message: 'x' });
  expect(answer.status).toBe(202);
  expect(await first.end('SIGTERM')).toBe(0);
  expect(processesOf(folder.path)).toEqual([]);
  const second = await startFormbus(folder.path, { port: Number(new URL(first.url).port) });
  onTestFinished(async () => void (await second.end('SIGKILL')));
  expect(second.url).toBe(first.url);
  expect((await submit(second.url, 'demo-form', { name: 'after it', message: 'x' })).status).toBe(202);
  const names = async () => {
    await second.flush();
    return (await second.rows('demo-form'))
      .map(({ name = '' }) => name)
      .toSorted((a, b) => a.localeCompare(b));
  };
  await expect.poll(names).toEqual(['after it', 'before the stop']);
});

describe('with kills', () => {
  it('500 accepted submissions over both forms stand in their sheets once, though a form, a task and the runner are killed', async () => {
    const folder = await dataFolder();
    let formbus = await startFormbus(folder.path);
    const port = Number(new URL(formbus.url).port);
    const accepted = new Map<string, string>();
    const refused: number[] = [];
    let next = 0;

    const kill = async (service: string) => {
      const [pid] = (await formbus.status(service)).pids;
      if (pid) process.kill(pid, 'SIGKILL');
    };
    /** What is done when so many were accepted. */
    const plan = new Map([
      [100, () => kill('demo-form')],
      [150, () => kill('student-data-form')],
      [200, () => kill('sheets-buffer')],
      [
        300,
        async () => {
          await formbus.end('SIGKILL');
          formbus = await startFormbus(folder.path, { port });
        },
      ],
      [400, () => kill('demo-task')],
    ]);
    const person = async () => {
      while (accepted.size < 500) {
        const n = (next += 1);
        const form = n % 2 ? 'demo-form' : 'student-data-form';
        const fields = n % 2 ? { name: `person ${n}`, message: 'x' } : { ...student, name: `person ${n}` };
        // A connection that broke off says nothing; the person comes again as somebody else.
        const answer = await submit(formbus.url, form, fields).catch(() => undefined);
        if (answer?.status === 202) accepted.set(v.parse(Accepted, await answer.json()).id, `person ${n}`);
        else if (answer) refused.push(answer.status);
        for (const [at, action] of plan) {
          if (accepted.size < at) continue;
          plan.delete(at);
          await action();
        }
      }
    };
    await Promise.all(Array.from({ length: 8 }, person));

    const written = async () => {
      await formbus.flush();
      return [...(await formbus.rows('demo-form')), ...(await formbus.rows('student-data-form'))];
    };
    const missing = async () => {
      const ids = new Set((await written()).map(({ id }) => id));
      return [...accepted.keys()].filter((id) => !ids.has(id)).length;
    };
    await expect.poll(missing, { timeout: 60_000, interval: 500 }).toBe(0);
    const rows = await written();
    expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
    const known = rows.filter(({ id = '' }) => accepted.has(id));
    expect(known.map(({ name }) => name)).toEqual(known.map(({ id = '' }) => accepted.get(id)));
    expect(plan.size).toBe(0);
    expect(refused.filter((status) => status !== 503)).toEqual([]);
    expect(await formbus.deadLetters()).toEqual([]);
    expect(await formbus.end('SIGTERM')).toBe(0);
    expect(processesOf(folder.path)).toEqual([]);
    await folder.remove();
  }, 180_000);
});
