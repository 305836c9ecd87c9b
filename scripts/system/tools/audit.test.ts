import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as v from 'valibot';
import { openBuffer } from '../../../functions/lib/buffer/buffer.ts';
import { openLog } from '../../../functions/lib/runtime/log.ts';
import { openRedis } from '../../../functions/lib/stores/redis.ts';
import { openSheets, type SheetRequest } from '../../../functions/lib/sheets/sheets.ts';
import { connectionsOf } from '../../tools/client/running.ts';
import { startFormbus, dataFolder, type StartedFormbus } from '../../testing/formbus.ts';

let folder: Awaited<ReturnType<typeof dataFolder>>;
let formbus: StartedFormbus;
beforeAll(async () => {
  folder = await dataFolder();
  formbus = await startFormbus(folder.path);
});
afterAll(async () => {
  await formbus.end('SIGTERM');
  await folder.remove();
});

async function audit(...options: string[]): Promise<{ code: number; output: string; complaint: string }> {
  const script = join(import.meta.dirname, '../../commands/audit.ts');
  const child = spawn(process.execPath, [script, '--url', formbus.url, ...options], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  const [output, complaint] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = v.parse(v.tuple([v.number(), v.unknown()]), await exited);
  return { code, output, complaint };
}

async function submit(name: string): Promise<string> {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ name, message: 'x' });
  const answer = await fetch(`${formbus.url}/demo-form/`, { method: 'POST', headers, body });
  return v.parse(v.object({ id: v.string() }), await answer.json()).id;
}

const Report = v.object({
  tabs: v.array(v.record(v.string(), v.union([v.string(), v.number()]))),
  lost: v.array(v.looseObject({ id: v.string() })),
  duplicated: v.array(v.looseObject({ id: v.string() })),
  parked: v.array(v.looseObject({ spreadsheetId: v.string() })),
  unlogged: v.array(v.object({ sheet: v.string(), rows: v.number() })),
});
const reportOf = (output: string) => v.parse(v.pipe(v.string(), v.parseJson(), Report), output);
const demoTab = async () => {
  const { tabs } = reportOf((await audit('--json', '--form', 'demo-form')).output);
  return tabs.find(({ sheet }) => sheet === 'formbus/demo-form') ?? {};
};

const Events = v.array(v.object({ attributes: v.object({ id: v.string() }), waiting: v.array(v.string()) }));
const events = async () => v.parse(Events, await (await fetch(`${formbus.url}/_/events`)).json());
const waiting = async () => (await events()).flatMap((event) => event.waiting);

async function openBook() {
  const connections = await (await fetch(`${formbus.url}/_/connections`)).json();
  const { sheets: url } = v.parse(v.object({ sheets: v.string() }), connections);
  const sheets = openSheets({ SHEETS_URL: url });
  const tab = (await sheets.layout('formbus')).find((one) => one.tab === 'demo-form');
  return { sheetId: tab?.sheetId ?? 0, apply: (edits: SheetRequest[]) => sheets.apply('formbus', edits) };
}
const deleteRows = (sheetId: number, startIndex: number, endIndex: number): SheetRequest => ({
  deleteDimension: { range: { sheetId, dimension: 'ROWS', startIndex, endIndex } },
});
const idsInSheet = async () => (await formbus.rows('demo-form')).map(({ id }) => id);

it('reports nothing lost while rows are on their way, and once they are in the sheet', async () => {
  const ids: string[] = [];
  for (const name of ['Asha', 'Ben', 'Cleo']) ids.push(await submit(name));
  // Wherever they are by now.
  const early = await audit('--json');
  expect([early.code, reportOf(early.output)]).toMatchObject([0, { tabs: [{ accepted: 3, lost: 0 }] }]);
  await expect.poll(waiting).toEqual([]);
  expect(await demoTab()).toMatchObject({ waiting: 0, lost: 0 });
  expect(await formbus.flush()).toBe(204);
  expect(await demoTab()).toMatchObject({ form: 'demo-form', accepted: 3, 'in sheet': 3, buffered: 0 });
  expect(await idsInSheet()).toEqual(ids);
}, 120_000);

it('finds a deleted row, a duplicated row and a row that was never submitted', async () => {
  const [first = '', , third = ''] = await idsInSheet();
  const { sheetId, apply } = await openBook();
  const again = [third, 'typed in'].map((id) => ({
    values: [{ userEnteredValue: { stringValue: id } }],
  }));
  await apply([
    deleteRows(sheetId, 1, 2),
    { appendCells: { sheetId, rows: again, fields: 'userEnteredValue' } },
  ]);
  const found = await audit('--json');
  expect(found.code).toBe(1);
  expect(reportOf(found.output)).toMatchObject({
    lost: [{ id: first }],
    duplicated: [{ id: third }],
    unlogged: [{ sheet: 'formbus/demo-form', rows: 1 }],
  });
  const { output } = await audit();
  expect(output).toContain(`lost: ${first} in formbus/demo-form`);
  expect(output).toContain(`duplicated: ${third} in formbus/demo-form`);
  expect((await audit('--form', 'student-data-form')).code).toBe(0);
  expect(await audit('--form', 'nobody')).toMatchObject({
    code: 2,
    complaint: expect.stringContaining(
      'there is no form nobody and no submission of it; there are demo-form',
    ),
  });
}, 120_000);

it('--repair puts the lost row back once, through the buffer only, and leaves the duplicated one to people', async () => {
  const first = (await events())[0]?.attributes.id ?? '';
  const repaired = await audit('--repair');
  expect(repaired.output).toContain('put back: 1 row;');
  // The duplicated one.
  expect(repaired.code).toBe(1);
  const { sheetId, apply } = await openBook();
  await apply([deleteRows(sheetId, 3, 5)]);
  await formbus.flush();
  expect((await idsInSheet()).filter((id) => id === first)).toEqual([first]);
  const { code, output } = await audit('--repair');
  expect(code).toBe(0);
  expect(output).not.toContain('put back');
  expect(output).toContain('Nothing is lost, nothing is duplicated.');
  const seen = formbus.output().split('\n');
  expect(seen.filter((line) => /demo-task +seen/.test(line) && line.includes(first))).toHaveLength(1);
}, 120_000);

it('calls a row in flight and a dead letter by their names, and neither of them lost', async () => {
  const sink = /K_SINK=(\S+)/.exec(formbus.output())?.[1] ?? '';
  const broken = { id: 'broken', type: 'form.submitted', source: '/forms/demo-form', specversion: '1.0' };
  const event = { ...broken, form: 'demo-form', sheet: 'formbus/%E0%A4%A', data: {} };
  const headers = { 'content-type': 'application/cloudevents+json' };
  const posted = await fetch(sink, { method: 'POST', headers, body: JSON.stringify(event) });
  expect(posted.status).toBe(202);
  const faults = `${formbus.url}/_/sheets/faults`;
  await fetch(faults, { method: 'POST', body: JSON.stringify({ kind: 'fail-before', times: 100 }) });
  await submit('Dora');
  // Not 503: a PingSource would send that again at once.
  expect(await formbus.flush()).toBe(409);
  const { code, output } = await audit('--json', '--repair');
  expect(code).toBe(0);
  expect(output).not.toContain('putBack');
  expect(reportOf(output).tabs).toMatchObject([
    { sheet: 'formbus/demo-form', 'in flight': 1, lost: 0 },
    { sheet: 'formbus/%E0%A4%A/', 'dead letters': 1, lost: 0 },
  ]);
  await fetch(faults, { method: 'DELETE' });
  expect(await formbus.flush()).toBe(204);
  expect(await demoTab()).toMatchObject({ 'in flight': 0, lost: 0 });
}, 120_000);

it('finds nothing lost or duplicated while submissions come and are written, and repairs nothing', async () => {
  const traffic = { isOver: false };
  const submitting = (async () => {
    while (!traffic.isOver) await Promise.all(['a', 'b', 'c', 'd'].map(submit));
  })();
  const flushing = formbus.flush();
  const reports = [await audit('--json'), await audit('--repair', '--json')];
  expect(await flushing).toBe(204);
  reports.push(await audit('--json'));
  traffic.isOver = true;
  await submitting;
  expect(reports.map(({ code }) => code)).toEqual([0, 0, 0]);
  expect(reports.map(({ output }) => output).join()).not.toContain('putBack');
  expect(reports.map(({ output }) => reportOf(output).unlogged)).toEqual([[], [], []]);
  expect(await formbus.flush()).toBe(204);
  const ids = await idsInSheet();
  expect(new Set(ids).size).toBe(ids.length);
}, 120_000);

it('names a spreadsheet that is parked and a row that was refused, with the reasons', async () => {
  const { redis: url } = v.parse(
    v.object({ redis: v.string() }),
    await (await fetch(`${formbus.url}/_/connections`)).json(),
  );
  const redis = await openRedis({ REDIS_URL: url, REDIS_REPLICAS: 0 }, openLog('test', 'silent'));
  const since = Date.UTC(2026, 0, 2);
  await openBuffer({ redis }).park('formbus', { reason: 'it is full', since, tries: 1, retryAt: since });
  const [id = ''] = await idsInSheet();
  const kept = JSON.stringify({ cells: '{}', reason: 'no such row', at: since });
  const keep = "return redis.call('HSET', 'buffer:refused:formbus', ARGV[1], ARGV[2])";
  await redis.run(keep, [`demo-form\n${id}`, kept]);
  await redis.close();
  const { code, output } = await audit();
  expect(code).toBe(0);
  expect(output).toContain('parked: formbus, since 2026-01-02T00:00:00.000Z: it is full');
  expect(output).toContain(`refused: ${id} in formbus/demo-form: no such row`);
  expect(output).toContain('delete its mark in the sheet');
});

it('the nightly audit finds what is lost and what is duplicated, on this machine as on a cluster', async () => {
  const gone = await submit('Gone');
  const twice = await submit('Twice');
  await expect.poll(waiting).toEqual([]);
  expect(await formbus.flush()).toBe(204);
  const row = (await idsInSheet()).indexOf(gone) + 1;
  const { sheetId, apply } = await openBook();
  const again = { values: [{ userEnteredValue: { stringValue: twice } }] };
  await apply([
    { appendCells: { sheetId, rows: [again], fields: 'userEnteredValue' } },
    deleteRows(sheetId, row, row + 1),
  ]);
  const { database } = await connectionsOf(formbus.url);
  const client = new Client({ connectionString: database ?? '' });
  await client.connect();
  // It looks at what is older than an hour.
  await client.query("UPDATE submissions SET received_at = received_at - interval '2 hours'");
  await client.end();
  const fire = async (name: string) => {
    const answer = await fetch(`${formbus.url}/_/schedules/${name}`, { method: 'POST' });
    return v.parse(v.object({ status: v.number() }), await answer.json()).status;
  };
  expect(await fire('audit')).toBe(200);
  await expect.poll(formbus.output).toContain('audit complete');
  expect(formbus.output()).toMatch(new RegExp(` lost form=demo-form .*${gone}`));
  expect(formbus.output()).toMatch(new RegExp(` duplicated form=demo-form .*${twice}`));
  const metrics = async () => (await fetch(`${formbus.url}/_/metrics`)).text();
  await expect.poll(metrics).toMatch(/formbus_audit_lost\{.*form="demo-form".*\} [1-9]/);
  await expect.poll(metrics).toMatch(/formbus_audit_duplicated\{.*form="demo-form".*\} [1-9]/);
  expect(await fire('audit-continue')).toBe(204);
}, 120_000);

it('says what to do when Formbus does not answer', async () => {
  const { code, complaint } = await audit('--url', 'http://127.0.0.1:1');
  expect(code).toBe(2);
  expect(complaint).toContain('start it with npm start');
});
