import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, beforeEach, expect, inject, it } from 'vitest';
import { migrate } from '../../../functions/tasks/archive/schema.ts';
import { openDatabase } from '../../../functions/lib/stores/postgres.ts';
import { recordedLog } from '../../../functions/testing/log.ts';
import { startTestPostgres, type TestPostgres } from '../../../functions/testing/postgres.ts';
import { temporaryFolder } from '../../testing/formbus.ts';

let postgres: TestPostgres;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
  postgres = await startTestPostgres();
  const { query, close } = openDatabase({ DATABASE_URL: postgres.url }, recordedLog().log);
  await migrate(query);
  await close();
});
afterAll(async () => {
  await postgres.close();
  await folder.remove();
});
beforeEach(async () => {
  await postgres.query('TRUNCATE submissions');
});

/** Runs the command; `peakMb` is the most memory that it took. */
async function run(...args: string[]) {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../commands/export.ts'), ...args], {
    // With more than 40 MB alive at once Node gives up: a tenth of a million rows would not fit.
    env: {
      PATH: process.env['PATH'],
      DATABASE_URL: postgres.url,
      NODE_OPTIONS: '--max-old-space-size=40',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const text = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (text.out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (text.err += chunk.toString()));
  let peakMb = 0;
  const watch = setInterval(() => {
    const status = existsSync(`/proc/${child.pid}/status`)
      ? readFileSync(`/proc/${child.pid}/status`, 'utf8')
      : '';
    peakMb = Math.max(peakMb, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
  }, 50);
  const [code] = await once(child, 'close');
  clearInterval(watch);
  return { code, ...text, peakMb };
}

async function keep(
  id: string,
  at: string,
  data: Record<string, unknown>,
  { form = 'f', type = 'form.submitted' } = {},
) {
  await postgres.query('INSERT INTO submissions VALUES ($1, $2, $3, $4, $5, $6, $7, $8)', [
    id,
    type,
    form,
    at,
    's/t',
    '',
    JSON.stringify(Object.keys(data)),
    JSON.stringify(data),
  ]);
}

it('writes CSV that is safe in a spreadsheet, with the columns in the order in which fields came up', async () => {
  await keep('a', '2026-01-02T00:00:00Z', { name: '=1+1', long: 'x', gone: '+49 170' });
  await keep(
    'b',
    '2026-01-03T00:00:00Z',
    { name: '@SUM(A1)', new: '-1.5', long: '\tx', number: -1, id: 'own', list: ['a', 'b'] },
    { type: 'form.suspected' },
  );
  await keep('c', '2026-01-01T00:00:00Z', { name: 'a "b", c\nd', long: 'ü😀' });
  await keep('other', '2026-01-01T00:00:00Z', { name: 'x' }, { form: 'g' });
  await postgres.query(
    `INSERT INTO submissions VALUES ('gone', 'form.forgotten', 'f', now(), 's/t', '', '[]', NULL)`,
  );
  const { code, out, err } = await run('--form', 'f', '--format', 'csv');
  expect([code, err]).toEqual([0, '3 submissions of f\n']);
  expect((await run('--form', 'g', '--format', 'csv')).err).toBe('1 submission of g\n');
  expect(out.split('\r\n')).toEqual([
    '\ufeffid,time,type,name,long,gone,new,number,data.id,list',
    'c,2026-01-01T00:00:00.000Z,form.submitted,"a ""b"", c\nd",ü😀,,,,,',
    "a,2026-01-02T00:00:00.000Z,form.submitted,'=1+1,x,'+49 170,,,,",
    `b,2026-01-03T00:00:00.000Z,form.suspected,'@SUM(A1),'\tx,,-1.5,-1,own,"a, b"`,
    '',
  ]);
});

it('writes CSV for a program, or an Excel, that wants it otherwise', async () => {
  await keep('a', '2026-01-01T00:00:00Z', { name: 'Müller; Söhne', size: '8,5' });
  const file = join(folder.path, 'own.csv');
  const write = async (...options: string[]) => {
    await run('--form', 'f', '--format', 'csv', '--out', file, ...options);
    return (await readFile(file)).toString().split('\r\n')[1];
  };
  const start = 'a;2026-01-01T00:00:00.000Z;form.submitted;';
  expect(await write('--separator', ';')).toBe(`${start}"Müller; Söhne";8,5`);
  expect(await write('--separator', 'tab')).toBe(`${start.replaceAll(';', '\t')}Müller; Söhne\t8,5`);
  expect((await readFile(file)).subarray(0, 3)).toEqual(Buffer.from('\ufeff'));
  await write('--no-bom');
  expect((await readFile(file)).toString()).toMatch(/^id,time/);
  expect((await run('--form', 'f', '--format', 'csv', '--separator', 'x')).err).toContain(
    '--separator is one of , ; tab, not x',
  );
});

it('writes JSON lines with texts as they are and fields in their order, from a time up to another', async () => {
  await keep('a', '2026-01-01T00:00:00Z', { zz: '=1', a: ['x'] });
  await keep('b', '2026-01-02T00:00:00Z', { zz: 'second' });
  const file = join(folder.path, 'f.jsonl');
  const { code, out } = await run(
    ...'--form f --format jsonl --from 2026-01-01 --to 2026-01-02 --out'.split(' '),
    file,
  );
  expect([code, out]).toEqual([0, '']);
  expect(await readFile(file, 'utf8')).toBe(
    '{"id":"a","time":"2026-01-01T00:00:00.000Z","type":"form.submitted","data":{"zz":"=1","a":["x"]}}\n',
  );
  expect(existsSync(`${file}.part`)).toBe(false);
});

it('says what is wrong, and leaves no half of a file', async () => {
  expect((await run('--form', 'f')).err).toContain('--format csv|jsonl');
  expect((await run('--form', 'f', '--format', 'xml')).err).toBe('--format is csv or jsonl, not xml\n');
  const file = join(folder.path, 'half.csv');
  await postgres.query(
    `INSERT INTO submissions VALUES ('bad', 't', 'f', now(), '', '', '["a"]', '{"a":{"deep":1}}')`,
  );
  expect((await run('--form', 'f', '--format', 'csv', '--out', file)).code).toBe(2);
  expect([existsSync(file), existsSync(`${file}.part`)]).toEqual([false, false]);
  expect(await run(...'--form f --format csv --from 1d --to 2d'.split(' '))).toMatchObject({
    code: 2,
    err: '--from 1d is not before --to 2d\n',
  });
  const nowhere = join(folder.path, 'no-such-folder', 'f.csv');
  const { code, err } = await run('--form', 'f', '--format', 'csv', '--out', nowhere);
  expect([code, err]).toEqual([2, `ENOENT: no such file or directory, open '${nowhere}.part'\n`]);
});

it('names the forms when there is none of that name: those of this project, and those that are gone', async () => {
  await keep('a', '2026-01-01T00:00:00Z', { name: 'x' }, { form: 'gone' });
  await postgres.query(
    `INSERT INTO submissions VALUES ('b', 'form.forgotten', 'forgotten', now(), 's/t', '', '[]', NULL)`,
  );
  const { code, out, err } = await run('--form', 'nobody', '--format', 'csv');
  expect([code, out]).toEqual([2, '']);
  expect(err).toBe(
    'there is no form nobody and no submission of it; there are demo-form, forgotten, gone, student-data-form\n',
  );
  for (const form of ['demo-form', 'forgotten'])
    expect((await run('--form', form, '--format', 'csv')).err).toBe(`0 submissions of ${form}\n`);
  const later = await run('--form', 'gone', '--format', 'csv', '--from', '1d');
  expect([later.code, later.err]).toEqual([0, '0 submissions of gone\n']);
});

it('says so when nothing was archived yet', async () => {
  await postgres.query('ALTER TABLE submissions RENAME TO away');
  const { code, err } = await run('--form', 'f', '--format', 'csv');
  await postgres.query('ALTER TABLE away RENAME TO submissions');
  expect([code, err]).toEqual([2, 'the archive has no submission yet\n']);
});

it('says so when the database dies in the midst of it, and leaves no half of a file', async () => {
  await postgres.query(
    `INSERT INTO submissions SELECT 'id-' || n, 'form.submitted', 'f', now() - interval '1 day', 's/t', '', '["name"]',
       jsonb_build_object('name', repeat('x', 1000)) FROM generate_series(1, 50000) AS n`,
  );
  const file = join(folder.path, 'dies.csv');
  const running = run('--form', 'f', '--format', 'csv', '--out', file);
  const written = () => statSync(`${file}.part`, { throwIfNoEntry: false })?.size ?? 0;
  await expect.poll(written, { interval: 5 }).toBeGreaterThan(0);
  await postgres.kill();
  const { code, err } = await running;
  await expect.poll(() => postgres.query('SELECT 1').catch(() => [])).toHaveLength(1);
  // On a busy machine there is progress before it.
  expect([code, err]).toEqual([
    2,
    expect.stringMatching(
      /^the archive at \S+ cannot be reached \(.*\); check that it runs, and DATABASE_URL\n$/m,
    ),
  ]);
  expect([existsSync(file), existsSync(`${file}.part`)]).toEqual([false, false]);
});

/** In memory at once, either would not fit. */
const rows = inject('isNightly') ? 1_000_000 : 200_000;

it(`exports ${rows} rows in constant memory`, { timeout: 300_000 }, async () => {
  await postgres.query(
    `INSERT INTO submissions SELECT 'id-' || n, 'form.submitted', 'f', timestamptz '2026-01-01' + n * interval '1 second', 's/t', '',
       '["name","message"]', jsonb_build_object('name', 'Person ' || n, 'message', repeat('x', 100))
     FROM generate_series(1, ${rows}) AS n`,
  );
  const file = join(folder.path, 'many.csv');
  const { code, err, peakMb } = await run('--form', 'f', '--format', 'csv', '--out', file);
  expect(code).toBe(0);
  expect(err).toMatch(new RegExp(`^${rows} submissions of f in `, 'm'));
  let lines = 0;
  const ids = new Set<string>();
  for await (const line of createInterface({ input: createReadStream(file) })) {
    lines += 1;
    ids.add(line.slice(0, line.indexOf(',')));
  }
  expect([lines, ids.size]).toEqual([rows + 1, rows + 1]);
  console.log(`peak memory of an export of ${rows} rows: ${peakMb.toFixed(0)} MB`);
});
