import { expect, test } from 'vitest';
import { logOutput, terminalLog } from './log.ts';
import { recordingLog } from './serving/testing.ts';

test('a line has the time, the origin, the message and the fields', () => {
  const lines: string[] = [];
  const log = terminalLog({
    write: (line) => lines.push(line),
    now: () => new Date('2026-01-02T03:04:05.678Z'),
  });
  log.info({ from: 'demo-form', id: '42', note: 'two words' }, 'published');
  log.warn({ err: new Error('gone') }, 'hm');
  log.error({ n: 1, list: [1] }, 'oh');
  expect(lines).toEqual([
    '03:04:05.678 demo-form           published id=42 note="two words"\n',
    '03:04:05.678 formbus           ! hm err=gone\n',
    '03:04:05.678 formbus           ✗ oh n=1 list=[1]\n',
  ]);
});

test("pino's levels are kept, be they numbers or labels; what the line says twice is dropped", () => {
  const log = recordingLog();
  const base = { time: 1, pid: 2, hostname: 'h', severity: 'S', service: 'demo' };
  for (const level of [30, 40, 50, 60, 'info', 'warn', 'error', 'fatal', 'debug']) {
    logOutput(log, 'demo', JSON.stringify({ level, ...base, id: 'x', msg: 'm' }));
  }
  const levels = ['info', 'warn', 'error', 'error', 'info', 'warn', 'error', 'error', 'info'];
  expect(log.lines).toEqual(levels.map((level) => `${level} demo: m {"id":"x"}`));
});

test('a line that pino did not write passes as text; empty lines do not', () => {
  const log = recordingLog();
  for (const line of ['{"a":1}', '{broken', 'text', ' ']) logOutput(log, 'demo', line);
  expect(log.lines).toEqual(['info demo: {"a":1} {}', 'info demo: {broken {}', 'info demo: text {}']);
});
