import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import * as v from 'valibot';
import { howToInstall } from '../runner/processes/packages.ts';
import { startRunner } from '../runner/runner.ts';
import { recordingLog, tempFolder } from '../runner/serving/testing.ts';
import { findings, readRepository } from '../manifests/rules/repository.ts';
import { RULES } from '../manifests/rules/rules.ts';

const project = resolve(import.meta.dirname, '../..');
const howTo = howToInstall(['python3']);
const skipped = howTo !== undefined && process.env['CI'] !== 'true';
if (skipped) console.warn(`The task in Python is not tested: ${howTo}`);

/** The command that the file itself names. */
const code = join(import.meta.dirname, 'python-task/functions/tasks/python-task/python-task.py');
const command = /^ {4}(cp .*)$/m.exec(readFileSync(code, 'utf8'))?.[1] ?? '';

function projectCopy() {
  const root = tempFolder();
  for (const path of ['eventing', 'knative', 'functions', 'scripts/examples', 'package.json'])
    cpSync(join(project, path), join(root, path), { recursive: true });
  symlinkSync(join(project, 'node_modules'), join(root, 'node_modules'));
  return { root, putIn: () => execFileSync('sh', ['-c', command], { cwd: root }) };
}

test('the example keeps to the rules of the manifests', () => {
  const { root, putIn } = projectCopy();
  putIn();
  const repository = readRepository(root);
  expect(repository.tasks).toContain('python-task');
  expect(findings(repository, Object.values(RULES))).toEqual([]);
});

test.skipIf(skipped)(
  'put into what runs, it takes a submission, and goes when it is idle',
  async () => {
    const { root, putIn } = projectCopy();
    const log = recordingLog();
    const runner = await startRunner({ root, data: tempFolder(), port: 0, log, say: () => {}, env: {} });
    onTestFinished(() => runner.close());
    const said = (text: string) =>
      vi.waitFor(() => expect(log.lines.join('\n')).toContain(text), { timeout: 60_000, interval: 100 });
    putIn();
    await said('new: python-task, Trigger python-task');
    const answer = await fetch(`${runner.url}/demo-form/`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'Zoë', message: 'Hello' }),
    });
    const { id } = v.parse(v.object({ id: v.string() }), await answer.json());
    await said(`info python-task: seen {"id":"${id}","form":"demo-form","fields":2}`);
    await said('info python-task: instance stopped');
    expect(log.lines.filter((line) => line.startsWith('error') || line.includes('delivery failed'))).toEqual(
      [],
    );
    expect(await (await fetch(`${runner.url}/_/dead-letters`)).json()).toEqual([]);
  },
  120_000,
);
