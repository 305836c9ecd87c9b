import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as v from 'valibot';
import { openSheets, type SheetRequest } from '../functions/lib/sheets.ts';
import { startFormbus, temporaryFolder, type StartedFormbus } from './testing.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let formbus: StartedFormbus;
beforeAll(async () => {
  folder = await temporaryFolder();
  formbus = await startFormbus(folder.path);
});
afterAll(async () => {
  await formbus.end('SIGTERM');
  await folder.remove();
});

async function audit(...options: string[]): Promise<{ code: number; output: string; complaint: string }> {
  const script = join(import.meta.dirname, 'audit.ts');
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
  missing: v.array(v.looseObject({ id: v.string() })),
  doubled: v.array(v.looseObject({ id: v.string() })),
});
const reportOf = (output: string) => v.parse(v.pipe(v.string(), v.parseJson(), Report), output);

it('finds nothing wrong with rows on their way and in the sheet, then the one that was deleted and the one that was doubled', async () => {
  const ids: string[] = [];
  for (const name of ['Asha', 'Ben', 'Cleo']) ids.push(await submit(name));
  await expect.poll(async () => (await audit()).output, { timeout: 30_000 }).toContain('Nothing is missing');
  expect(await formbus.flush()).toBe(204);
  const clean = await audit('--json');
  expect(clean.code).toBe(0);
  expect(reportOf(clean.output).tabs).toMatchObject([
    { sheet: 'formbus/demo-form', form: 'demo-form', accepted: 3, 'in sheet': 3, missing: 0, doubled: 0 },
  ]);

  const { sheets: url } = v.parse(
    v.object({ sheets: v.string() }),
    await (await fetch(`${formbus.url}/_/connections`)).json(),
  );
  const sheets = openSheets({ SHEETS_URL: url });
  const tab = (await sheets.layout('formbus')).find((one) => one.tab === 'demo-form');
  const sheetId = tab?.sheetId ?? 0;
  const again = [{ values: [{ userEnteredValue: { stringValue: ids[2] ?? '' } }] }];
  const edits: SheetRequest[] = [
    { deleteDimension: { range: { sheetId, dimension: 'ROWS', startIndex: 1, endIndex: 2 } } },
    { appendCells: { sheetId, rows: again, fields: 'userEnteredValue' } },
  ];
  await sheets.apply('formbus', edits);
  const found = await audit('--json');
  expect(found.code).toBe(1);
  expect(reportOf(found.output)).toMatchObject({ missing: [{ id: ids[0] }], doubled: [{ id: ids[2] }] });
  expect((await audit()).output).toContain(`missing: ${ids[0]} in formbus/demo-form`);
  expect((await audit('--form', 'student-data-form')).code).toBe(0);
}, 120_000);

it('takes a submission that has just been accepted for no missing one', async () => {
  await submit('later');
  const { tabs, missing } = reportOf((await audit('--json')).output);
  expect(tabs[0]).toMatchObject({ accepted: 4 });
  expect(missing).toHaveLength(1);
});

it('says what to do when Formbus does not answer', async () => {
  const { code, complaint } = await audit('--url', 'http://127.0.0.1:1');
  expect(code).toBe(2);
  expect(complaint).toContain('start it with npm start');
});
