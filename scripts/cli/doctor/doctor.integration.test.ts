import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { tempFolder } from '../../runner/serving/testing.ts';
import { composeTemplate } from '../../tools/init/compose.ts';
import type { Template } from '../../tools/init/template-type.ts';
import { writeProject } from '../../tools/init/write.ts';
import { ownRoot } from '../root.ts';

const [older, changed, added] = ['archive', 'audit', 'metrics'].map(
  (name) => `knative/tasks/${name}.yaml`,
) as [string, string, string];
const timeout = (text: string | undefined, seconds: number) =>
  (text ?? '').replace(/timeoutSeconds: \d+/, `timeoutSeconds: ${seconds}`);

/** A project that an earlier Formbus has made and that has changed one of its manifests; this Formbus is among its packages. */
function upgradedProject() {
  const now = composeTemplate(ownRoot);
  const before: Template = {
    ...now,
    [older]: timeout(now[older], 20),
    [changed]: timeout(now[changed], 300),
  };
  delete before[added];
  const folder = join(tempFolder(), 'my-forms');
  writeProject(folder, before);
  writeFileSync(join(folder, changed), timeout(now[changed], 400));
  const installed = join(folder, 'node_modules/formbus');
  mkdirSync(installed, { recursive: true });
  writeFileSync(join(installed, 'package.json'), '{}');
  writeFileSync(join(installed, 'template.json'), JSON.stringify(now));
  const doctor = (...args: string[]) => {
    const script = join(ownRoot, 'scripts/formbus.ts');
    const env = { ...process.env, REDIS_URL: 'redis://unused', DATABASE_URL: 'postgres://unused' };
    const { status, stdout, stderr } = spawnSync(process.execPath, [script, 'doctor', ...args], {
      cwd: folder,
      encoding: 'utf8',
      env,
    });
    return { status, lines: stdout.split('\n'), text: stdout + stderr };
  };
  return { now, doctor, read: (file: string) => readFileSync(join(folder, file), 'utf8') };
}

const changedByBoth = `${changed}: changed by you and by this Formbus; merge what npx formbus doctor --show ${changed} prints, then run npx formbus doctor --merged ${changed}`;
const difference = '  spec.template.spec.timeoutSeconds: here 400, in Formbus 600';

it('lists an older, a new and a conflicting manifest, and changes nothing', () => {
  const { doctor, read } = upgradedProject();
  const before = read(older);
  const { status, lines } = doctor();
  expect(status).toBe(1);
  expect(lines).toEqual([
    `${older}: older than this Formbus wants, and not changed by you; replace it with npx formbus doctor --update`,
    changedByBoth,
    difference,
    `${added}: new in this Formbus; add it with npx formbus doctor --update`,
    '',
  ]);
  expect(read(older)).toBe(before);
});

it('--update replaces and adds what the project has not changed; --merged settles the rest', () => {
  const { now, doctor, read } = upgradedProject();
  const own = read(changed);
  const update = doctor('--update');
  expect(update).toMatchObject({
    status: 1,
    lines: [`${older}: updated`, `${added}: updated`, changedByBoth, difference, ''],
  });
  expect([read(older), read(added), read(changed)]).toEqual([now[older], now[added], own]);
  expect(doctor('--show', changed)).toMatchObject({ status: 0, text: now[changed] });
  const nothingLeft = { status: 0, text: 'Everything is as this Formbus wants it.\n' };
  expect(doctor('--merged', changed)).toMatchObject(nothingLeft);
  expect(doctor()).toMatchObject(nothingLeft);
  expect(read(changed)).toBe(own);
});

it('names a file that Formbus has not got for a project', () => {
  const { doctor } = upgradedProject();
  const missing = { status: 2, text: 'This Formbus has no file knative/tasks/x.yaml for a project\n' };
  expect(doctor('--show', 'knative/tasks/x.yaml')).toMatchObject(missing);
  expect(doctor('--merged', 'knative/tasks/x.yaml')).toMatchObject(missing);
});
