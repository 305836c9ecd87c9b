import { expect, test, vi } from 'vitest';
import { ensure } from './packages.ts';

/** A system that has some commands; what is installed by apt-get is there from then on. */
function system(commands: string[], { isRoot = true, sudoAsks = false, aptFails = false } = {}) {
  const there = new Set(commands);
  const run = vi.fn<(command: string, args: string[]) => boolean>((command, args) => {
    if (command === 'sudo' && sudoAsks) return false;
    if (args.includes('-c') && !aptFails) for (const name of args) there.add(name);
    return !aptFails;
  });
  const lines: string[] = [];
  return {
    has: (command: string) => there.has(command),
    run,
    isRoot,
    say: (line: string) => lines.push(line),
    lines,
  };
}

test('commands that are there need nothing', () => {
  const machine = system(['redis-server', 'apt-get']);
  ensure(['redis-server'], machine);
  expect(machine.run).not.toHaveBeenCalled();
  expect(machine.lines).toEqual([]);
});

test('on Debian, root installs what is missing, and a line says so', () => {
  const machine = system(['apt-get', 'chromium']);
  ensure(['redis-server', 'chromium'], machine);
  const [command, args = []] = machine.run.mock.calls[0] ?? [];
  expect([command, args.at(-1)]).toEqual(['sh', 'redis-server']);
  expect(args.join('\n')).toContain('DEBIAN_FRONTEND=noninteractive');
  expect(machine.lines).toEqual(['installing redis-server with apt-get, because redis-server is missing']);
});

test('others than root install by a sudo that asks nothing', () => {
  const machine = system(['apt-get', 'sudo'], { isRoot: false });
  ensure(['redis-server'], machine);
  expect(machine.run.mock.lastCall?.slice(0, 1)).toEqual(['sudo']);
  expect(machine.run.mock.lastCall?.[1].slice(0, 3)).toEqual(['-n', 'sh', '-c']);
});

test.each([
  ['there is no apt-get', system([])],
  ['there is no sudo', system(['apt-get'], { isRoot: false })],
  ['sudo asks for a password', system(['apt-get', 'sudo'], { isRoot: false, sudoAsks: true })],
  ['apt-get fails', system(['apt-get'], { aptFails: true })],
])('says what to install on each system when %s', (_, machine) => {
  const attempt = () => ensure(['redis-server', 'chromium'], machine);
  expect(attempt).toThrow('redis-server and chromium are missing; install with');
  expect(attempt).toThrow('Debian, Ubuntu:  sudo apt-get install redis-server chromium');
  expect(attempt).toThrow('Fedora:          sudo dnf install redis chromium');
  expect(attempt).toThrow('macOS:           brew install redis --cask chromium');
});
