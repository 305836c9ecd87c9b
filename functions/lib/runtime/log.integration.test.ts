import { spawnSync } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { reasonOf } from './log.ts';

const lines = 2_000;
const module = JSON.stringify(join(import.meta.dirname, 'log.ts'));
const canTrace = spawnSync('strace', ['-V']).status === 0;

it.each(['', 'process.exit(0);', 'throw new Error("a bug");'])(
  'writes every line in order, also when the process ends in the same turn: %s',
  (end) => {
    const program = `const { openLog } = await import(${module}); const log = openLog('test', 'info');
      for (let n = 0; n < ${lines}; n += 1) log.info({ n }, 'line'); ${end}`;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
      encoding: 'utf8',
    });
    const numbers = [...stdout.matchAll(/"n":(\d+),"msg":"line"}\n/g)].map(([, n]) => Number(n));
    expect(numbers).toEqual(Array.from({ length: lines }, (_, n) => n));
  },
);

it("returns an error's reason with those of its causes, and nothing twice", () => {
  const away = new Error('connect ECONNREFUSED', { cause: { code: 'ECONNREFUSED' } });
  expect(reasonOf(away)).toBe('connect ECONNREFUSED');
  expect(reasonOf(new Error('not written', { cause: away }))).toBe('not written (connect ECONNREFUSED)');
  expect(reasonOf(new Error('Google: connect ECONNREFUSED', { cause: away }))).toBe(
    'Google: connect ECONNREFUSED',
  );
  expect(reasonOf('a text')).toBe('unknown');
});

it('a line is JSON with its level twice, its service and the time, and is written at that level or above', () => {
  const program = `const { openLog } = await import(${module}); const log = openLog('demo-form', 'info');
    log.debug('no'); log.info({ id: 'a' }, 'yes'); log.error({ err: new Error('bad') }, 'wrong');`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    encoding: 'utf8',
  });
  const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  const service = 'demo-form';
  const err = expect.objectContaining({ message: 'bad', stack: expect.any(String) });
  expect(
    stdout
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line)),
  ).toEqual([
    { level: 'info', severity: 'INFO', time, service, id: 'a', msg: 'yes' },
    { level: 'error', severity: 'ERROR', time, service, err, msg: 'wrong' },
  ]);
});

it.skipIf(!canTrace).each(['a pipe', 'a file'])(
  'does not wait for the disk where standard output is %s',
  (kind) => {
    const program = `const { openLog } = await import(${module}); openLog('test', 'info').info('line');`;
    const node = [process.execPath, '--input-type=module', '--eval', program];
    const folder = mkdtempSync(join(tmpdir(), 'formbus-log-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'stdout');
    const output = kind === 'a file' ? openSync(file, 'w') : 'pipe';
    const { stdout, stderr } = spawnSync('strace', ['-f', '-e', 'trace=fsync,fdatasync', ...node], {
      encoding: 'utf8',
      stdio: ['ignore', output, 'pipe'],
    });
    expect(kind === 'a file' ? readFileSync(file, 'utf8') : stdout).toContain('"msg":"line"');
    expect(stderr).not.toMatch(/f(data)?sync\(1/);
  },
);
