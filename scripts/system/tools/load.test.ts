import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import * as v from 'valibot';
import { openSheets } from '../../../functions/lib/sheets/sheets.ts';
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

const Report = v.object({
  requests: v.number(),
  accepted: v.number(),
  errors: v.record(v.string(), v.number()),
  latency: v.record(v.string(), v.number()),
  verified: v.optional(
    v.looseObject({ inSheet: v.number(), lost: v.array(v.string()), duplicated: v.array(v.string()) }),
  ),
});

async function load(...options: string[]): Promise<{ code: unknown; output: string; complaint: string }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../commands/load.ts'), ...options]);
  onTestFinished(() => void child.kill());
  const exited = once(child, 'exit');
  const [output, complaint] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = v.parse(v.tuple([v.unknown(), v.unknown()]), await exited);
  return { code, output, complaint };
}
const reportOf = (output: string) => v.parse(v.pipe(v.string(), v.parseJson(), Report), output);

/** Where a form seems to be: passes requests on to Formbus unless `act` answers a submission itself. */
async function startProxy(act: (n: number, answer: (status: number, body: string) => void) => boolean) {
  let count = 0;
  const server = createServer((req, res) => {
    const answer = (status: number, body: string) =>
      void req.resume().once('end', () => res.writeHead(status).end(body));
    if (req.method === 'POST' && !req.url?.startsWith('/_/') && act((count += 1), answer)) return;
    const { method = 'GET', headers } = req;
    const onward = request(formbus.url + (req.url ?? ''), { method, headers }, (back) => {
      res.writeHead(back.statusCode ?? 500, back.headers);
      back.pipe(res);
    });
    req.pipe(onward);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = v.parse(v.object({ port: v.number() }), server.address());
  return `http://127.0.0.1:${port}/demo-form/`;
}

it('submits as that many users, and finds every submission in the sheet once', async () => {
  const form = `${formbus.url}/student-data-form/`;
  const { code, output } = await load(form, '--users', '20', '--requests', '5', '--verify', '--json');
  expect(reportOf(output)).toMatchObject({
    requests: 100,
    accepted: 100,
    errors: {},
    verified: { inSheet: 100, lost: [], duplicated: [] },
  });
  expect(code).toBe(0);
  const rows = await formbus.rows('student-data-form');
  expect(new Set(rows.map((row) => row['roll'])).size).toBe(100);
}, 120_000);

it('submits at a rate, and prints the times for people', async () => {
  const form = `${formbus.url}/demo-form/`;
  const { code, output } = await load(form, '--rate', '50', '--duration', '2', '--verify');
  expect(output).toMatch(
    /requests +100 in \d.* s, 100 accepted: \d.*\/s\nerrors +none\nlatency +mean .* p99 .* max /,
  );
  expect(output).toMatch(/≤ +\d+ ms +\d+ █/);
  expect(output).toContain('in the sheet 100');
  expect(code).toBe(0);
}, 120_000);

it('counts from when a submission was due, not from when the server had time for it', async () => {
  // Takes one at a time, 100 ms each: of 10 that are due within 100 ms, the last waits for almost a second.
  let turn = Promise.resolve();
  const slow = await startProxy((_, answer) => {
    turn = turn.then(() => new Promise((resolve) => setTimeout(resolve, 100)));
    void turn.then(() => answer(202, '{"id":"x"}'));
    return true;
  });
  const { output } = await load(slow, '--rate', '100', '--duration', '0.1', '--json');
  expect(reportOf(output)).toMatchObject({ requests: 10, accepted: 10 });
  expect(reportOf(output).latency['max']).toBeGreaterThan(850);
}, 60_000);

it('fails when a submission was accepted and lost, and names errors by kind', async () => {
  const liar = await startProxy((n, answer) => {
    if (n === 3) answer(202, '{"id":"nowhere"}');
    if (n === 4) answer(503, '{}');
    return n === 3 || n === 4;
  });
  const options = ['--users', '2', '--requests', '5', '--verify', '--patience', '1'];
  const { code, output } = await load(liar, ...options);
  expect(output).toContain('errors      1 × 503');
  expect(output).toContain('in the sheet 8');
  expect(output).toContain('lost: nowhere');
  expect(code).toBe(1);
}, 120_000);

it('fails when nothing was accepted', async () => {
  const busy = await startProxy((_, answer) => {
    answer(503, '{}');
    return true;
  });
  const { code, output, complaint } = await load(busy, '--users', '2', '--requests', '2');
  expect(output).toContain('4 in');
  expect(output).toContain('0 accepted');
  expect([code, complaint]).toEqual([1, 'nothing was accepted; see the errors above\n']);
}, 60_000);

it('fails when a submission stands in the sheet twice', async () => {
  const connections = await (await fetch(`${formbus.url}/_/connections`)).json();
  const { sheets: root } = v.parse(v.object({ sheets: v.string() }), connections);
  const sheets = openSheets({ SHEETS_URL: root });
  const doubler = await startProxy((n, answer) => {
    if (n !== 3) return false;
    void addRow('twice')
      .then(() => addRow('twice'))
      .then(() => answer(202, '{"id":"twice"}'));
    return true;
  });
  async function addRow(id: string) {
    const tab = (await sheets.layout('formbus')).find((one) => one.tab === 'demo-form');
    const rows = [{ values: [{ userEnteredValue: { stringValue: id } }] }];
    const fields = 'userEnteredValue';
    await sheets.apply('formbus', [{ appendCells: { sheetId: tab?.sheetId ?? 0, rows, fields } }]);
  }
  const { code, output } = await load(
    doubler,
    '--users',
    '1',
    '--requests',
    '3',
    '--verify',
    '--patience',
    '1',
  );
  expect(output).toContain('duplicated: twice');
  expect(code).toBe(1);
}, 120_000);

it('says what to do when there is no answer', async () => {
  const { code, complaint } = await load('http://127.0.0.1:1/demo-form/');
  expect(code).toBe(2);
  expect(complaint).toBe(
    'Formbus does not answer at http://127.0.0.1:1/demo-form/; start it with npm start, or say where it is (see --help)\n',
  );
});

it('submits nothing when an option is wrong', async () => {
  for (const option of ['--users', '--requests', '--rate', '--duration', '--patience'])
    expect(await load(`${formbus.url}/demo-form/`, option, '0')).toEqual({
      code: 2,
      output: '',
      complaint: `${option} takes a number above 0, not 0\n`,
    });
}, 30_000);
