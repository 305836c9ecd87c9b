import { execFile, execFileSync, spawn } from 'node:child_process';
import { expect, it } from 'vitest';

it.each([
  ['spawn', () => spawn('true')],
  ['execFile', () => execFile('true')],
  ['execFileSync', () => execFileSync('true')],
])('a unit test that starts a process by %s fails with where it belongs', (_, start) => {
  expect(start).toThrow('Name its file *.integration.test.ts, or move it to scripts/system');
});
