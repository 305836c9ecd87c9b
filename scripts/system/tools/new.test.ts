import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import * as v from 'valibot';
import { howToInstall } from '../../runner/processes/packages.ts';
import { copyProject, startFormbus, temporaryFolder, type StartedFormbus } from '../../testing/formbus.ts';

const howToGit = howToInstall(['git']);
const skipped = howToGit !== undefined && process.env['CI'] !== 'true';
if (skipped) console.warn(`The generator is not tested: ${howToGit}`);

/** A clone of this project in its current state, with one commit; the packages are this project's. */
function clone(root: string) {
  copyProject(root);
  const git = (...args: string[]) => execFileSync('git', ['-C', root, ...args], { encoding: 'utf8' });
  git('init', '--quiet');
  appendFileSync(join(root, '.git/info/exclude'), '/node_modules\n');
  git('add', '--all');
  git('-c', 'user.name=test', '-c', 'user.email=test@localhost', 'commit', '--quiet', '--message', 'all');
  return {
    clean: () => git('clean', '--force', '-d', '--quiet'),
    status: () => git('status', '--porcelain', '--untracked-files=all').trimEnd().split('\n').filter(Boolean),
  };
}

const Accepted = v.object({ id: v.string() });

describe.skipIf(skipped)('npm run new, in a fresh clone', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let root: string;
  let git: ReturnType<typeof clone>;
  beforeAll(async () => {
    folder = await temporaryFolder();
    root = join(folder.path, 'formbus');
    git = clone(root);
  });
  afterAll(() => folder.remove());

  const run = (command: string, ...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(command, args, {
      cwd: root,
      encoding: 'utf8',
      env: { ...process.env, NODE_COMPILE_CACHE: '' },
    });
    return { status, output: stdout + stderr };
  };
  const make = (...args: string[]) => run(process.execPath, 'scripts/commands/new.ts', ...args);

  describe('while npm start runs', () => {
    let formbus: StartedFormbus;
    beforeAll(async () => {
      formbus = await startFormbus(join(folder.path, 'data'), { root });
    });
    afterAll(() => formbus.end('SIGTERM'));

    /** The curl command that was printed, at this Formbus; tried until its form is there. */
    const submit = async (printed: string): Promise<string> => {
      const curl =
        /^ {2}(curl .*)$/m.exec(printed)?.[1]?.replaceAll('http://127.0.0.1:8080', formbus.url) ?? '';
      const answer = () =>
        execFileSync('sh', ['-c', curl], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
      await expect.poll(answer, { timeout: 60_000 }).toMatch(/^HTTP\/1.1 202 /);
      return v.parse(Accepted, JSON.parse(answer().split('\r\n\r\n')[1] ?? '')).id;
    };
    const seen = (task: string, id: string) =>
      vi.waitFor(() => expect(formbus.output()).toMatch(new RegExp(`${task} +seen.*${id}`)), {
        timeout: 60_000,
      });

    it('a form and a task run at once: the first submission is processed', async () => {
      const began = performance.now();
      const form = make('form', 'visitor-book');
      expect(form).toMatchObject({ status: 0 });
      expect(make('task', 'count-visits', '--form', 'visitor-book')).toMatchObject({ status: 0 });
      await expect.poll(formbus.output, { timeout: 60_000 }).toMatch(/new: .*Trigger count-visits/);
      const id = await submit(form.output);
      await seen('count-visits', id);
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      console.log(`From the generator's first command to a processed submission: ${seconds} s`);
      expect(await formbus.flush()).toBe(204);
      expect(await formbus.rows('visitor-book')).toMatchObject([
        { name: 'Asha Rao' },
        { id, message: 'Hello' },
      ]);
      expect(await formbus.deadLetters()).toEqual([]);
    }, 180_000);

    it('a task for another type takes what a task replies', async () => {
      const task = make('task', 'watch-analyzed', '--type', 'form.analyzed');
      await expect.poll(formbus.output, { timeout: 60_000 }).toMatch(/new: .*Trigger watch-analyzed/);
      await seen('watch-analyzed', `${await submit(task.output)}/detect-slang`);
    }, 120_000);
  });

  it('what it wrote is new files only, and passes all checks and its tests', () => {
    git.clean();
    const long = 'a-name-that-is-as-long-as-knative-can-bear-i';
    expect(make('form', `${long}f`)).toMatchObject({ status: 0 });
    expect(make('task', `${long}t`, '--form', `${long}f`)).toMatchObject({ status: 0 });
    const status = git.status();
    expect(status.length).toBeGreaterThanOrEqual(3 + 4);
    expect(status.filter((line) => !line.startsWith('?? '))).toEqual([]);
    for (const command of ['oxfmt --check', 'oxlint --type-aware', 'tsc', 'knip']) {
      const [file = '', ...args] = command.split(' ');
      expect([command, run(process.execPath, join('node_modules/.bin', file), ...args)]).toMatchObject([
        command,
        { status: 0 },
      ]);
    }
    const tests = status.map((line) => line.slice(3)).filter((file) => file.endsWith('.test.ts'));
    const { status: code, output } = run(
      process.execPath,
      'node_modules/.bin/vitest',
      'run',
      'scripts/manifests/rules/rules.integration.test.ts',
      'scripts/manifests/',
      ...tests,
    );
    expect([code, output]).toEqual([0, expect.stringContaining('manifests.test.ts')]);
    expect(tests).toHaveLength(2);
    for (const file of tests) expect(output).toContain(file);
  }, 240_000);
});
