import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, it } from 'vitest';
import { tempFolder } from '../runner/serving/testing.ts';
import { commands, developerCommands } from './commands.ts';
import { formbusOf, projectRoot } from './root.ts';

const formbus = (...args: string[]) => formbusOn([], ...args);
const formbusOn = (options: string[], ...args: string[]) => {
  const script = join(import.meta.dirname, '../formbus.ts');
  const { status, stdout, stderr } = spawnSync(process.execPath, [...options, script, ...args], {
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
};

it('lists every command there is, each with a line', () => {
  const files = globSync('*.ts', { cwd: join(import.meta.dirname, '../commands') });
  const names = files.map((file) => basename(file, '.ts'));
  expect(Object.keys({ ...commands, ...developerCommands }).toSorted()).toEqual(names.toSorted());
  const { status, stdout } = formbus('--help');
  expect(status).toBe(0);
  for (const name of names) expect(stdout).toMatch(new RegExp(`^  ${name} +\\w`, 'm'));
});

it('prints the help of one command, and starts none', () => {
  expect(formbus('new', '--help')).toMatchObject({ status: 0, stderr: '' });
  expect(formbus('new', '--help').stdout).toContain('form NAME');
});

it('refuses an old Node before any command but init', () => {
  const old = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '22.18.0' } })`;
  const onOldNode = (...args: string[]) =>
    formbusOn(['--import', `data:text/javascript,${encodeURIComponent(old)}`], ...args);
  const refused = {
    status: 2,
    stderr: expect.stringMatching(/^Formbus needs Node 24 or newer, and this is 22\.18\.0\. /),
  };
  expect(onOldNode('check')).toMatchObject(refused);
  expect(onOldNode('start', '--help')).toMatchObject(refused);
  expect(onOldNode('init', '--help')).toMatchObject({ status: 0 });
});

it('names the commands when it does not know one', () => {
  const { status, stdout, stderr } = formbus('strat');
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(/^There is no command strat; there are init, start, /);
});

it('reports an unknown option as text with where to look, and exits with the code of the command', () => {
  const { status, stderr } = formbus('new', '--frm');
  expect(status).toBe(1);
  expect(stderr).toMatch(/^Unknown option '--frm'.*; see --help\n$/);
});

it('takes the nearest folder with functions/ and package.json for the project', () => {
  const folder = tempFolder();
  mkdirSync(join(folder, 'functions/forms/x'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{}');
  expect(projectRoot(join(folder, 'functions/forms/x'))).toBe(folder);
  expect(() => projectRoot(tempFolder())).toThrow(/is not in a project of Formbus.*npx formbus init/);
});

it('finds the Formbus of a project among its packages, and a checkout is its own', () => {
  const folder = tempFolder();
  writeFileSync(join(folder, 'package.json'), '{}');
  expect(formbusOf(folder)).toBeUndefined();
  const installed = join(folder, 'node_modules/formbus');
  mkdirSync(installed, { recursive: true });
  writeFileSync(join(installed, 'package.json'), '{}');
  expect(formbusOf(folder)).toBe(installed);
  const checkout = join(import.meta.dirname, '../..');
  expect(formbusOf(checkout)).toBe(checkout);
});
