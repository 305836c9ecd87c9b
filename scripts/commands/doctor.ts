import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import * as v from 'valibot';
import { command } from '../cli/command.ts';
import { formbusOf, projectRoot } from '../cli/root.ts';
import { compare, type Finding } from '../cli/doctor/compare.ts';
import { machineFindings } from '../cli/doctor/machine.ts';
import { baselineFile, digestOf } from '../tools/init/baseline.ts';
import type { Template } from '../tools/init/template-type.ts';
import { readTemplate } from '../tools/init/template.ts';

const help = `Says what this machine lacks, and which manifests of the project are older than this Formbus wants.

  formbus doctor [--update | --merged FILE | --show FILE]

  --update        takes over the manifests that you have not changed, and those that are new
  --merged FILE   records that FILE has what you want of this Formbus; may be given several times
  --show FILE     prints what this Formbus wants in FILE
  --help          prints this text

Exit code 1 when it finds something.
`;

const Baseline = v.record(v.string(), v.string());

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      update: { type: 'boolean', default: false },
      merged: { type: 'string', multiple: true, default: [] },
      show: { type: 'string' },
    },
  });
  const root = projectRoot();
  const formbus = formbusOf(root);
  if (formbus === undefined) throw new Error(`${root} has no package formbus: run npm install there`);
  const template = await readTemplate(formbus);
  if (values.show !== undefined) return void process.stdout.write(wantedIn(template, values.show));

  const lacking = machineFindings(root, process.env);
  for (const line of lacking) console.log(`${line}\n`);
  // Formbus itself has no other Formbus to be older than.
  const findings = formbus === root ? [] : manifestFindings(root, template, values);
  for (const finding of findings) console.log(textOf(finding));
  if (lacking.length + findings.length > 0) process.exitCode = 1;
  else console.log('Everything is as this Formbus wants it.');
}

function manifestFindings(root: string, template: Template, options: { update: boolean; merged: string[] }) {
  const file = join(root, baselineFile);
  const baseline = existsSync(file) ? v.parse(Baseline, JSON.parse(readFileSync(file, 'utf8'))) : {};
  const own = (path: string) =>
    existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : undefined;
  for (const path of options.merged) baseline[path] = digestOf(wantedIn(template, path));
  const found = compare(template, own, baseline);
  const taken = options.update ? found.filter(({ kind }) => kind === 'new' || kind === 'older') : [];
  for (const { file: path } of taken) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), wantedIn(template, path));
    baseline[path] = digestOf(wantedIn(template, path));
    console.log(`${path}: updated`);
  }
  if (taken.length + options.merged.length > 0) {
    const sorted = Object.entries(baseline).toSorted(([a], [b]) => a.localeCompare(b));
    writeFileSync(file, `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`);
  }
  return found.filter((finding) => !taken.includes(finding));
}

function wantedIn(template: Template, file: string): string {
  const text = template[file];
  if (text === undefined) throw new Error(`This Formbus has no file ${file} for a project`);
  return text;
}

function textOf(finding: Finding): string {
  const { file, kind } = finding;
  if (kind !== 'changed by both') return `${file}: ${advice[kind]}`;
  return [
    `${file}: changed by you and by this Formbus; merge what npx formbus doctor --show ${file} prints, then run npx formbus doctor --merged ${file}`,
    ...finding.differences.slice(0, 20).map((line) => `  ${line}`),
  ].join('\n');
}

const advice = {
  new: 'new in this Formbus; add it with npx formbus doctor --update',
  older: 'older than this Formbus wants, and not changed by you; replace it with npx formbus doctor --update',
  'no longer used': 'this Formbus does not use it any more; delete it unless you use it',
};

command(help, main);
