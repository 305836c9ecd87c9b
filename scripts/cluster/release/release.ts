import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import * as v from 'valibot';
import { Versions } from '../../manifests/rules/repository.ts';
import { edited, editsOf } from './release-edits.ts';

const root = join(import.meta.dirname, '../../..');
const versionsFile = 'knative/platform/versions.json';
const editsFile = join(import.meta.dirname, 'release-edits.ts');

/**
 * Applies a file of a release unless it is installed. Applying it again would undo what its controllers have set since.
 * An annotation of the namespace formbus names the version that was applied last.
 */
function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      context: { type: 'string', default: '' },
      namespace: { type: 'string' },
      profile: { type: 'string' },
      root: { type: 'string', default: root },
    },
  });
  const [url = ''] = positionals;
  const profile = v.parse(v.picklist(['dev', 'prod']), values.profile);
  const kubectl = (args: string[], input = '') =>
    run('kubectl', ['--context', values.context, ...args], input);

  const file = basename(url);
  const mark = `release.formbus.dev/${file.replace(/(-\d+\.\d+\.\d+)?\.yaml$/, '')}`;
  const version = `${basename(dirname(url))}-${profile}-${hashOf(readFileSync(editsFile)).slice(0, 8)}`;
  const path = `{.metadata.annotations.${mark.replaceAll('.', String.raw`\.`)}}`;
  const applied = kubectl(['get', 'namespace', 'formbus', '-o', `jsonpath=${path}`]);
  if (applied === version) return;

  const content = run('curl', ['-fsSL', url]);
  check({ url, content, file: join(values.root, versionsFile), mayRecord: profile === 'dev' });
  const edits = editsOf(file, { profile, isUpgrade: applied !== '' });
  const where = values.namespace === undefined ? [] : ['-n', values.namespace];
  kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-', ...where], edited(content, edits));
  // The API server serves new CRDs only a moment later, and the next step may need them.
  kubectl(['wait', 'crd', '--all', '--for=condition=Established', '--timeout=60s']);
  kubectl(['annotate', 'namespace', 'formbus', '--overwrite', `${mark}=${version}`]);
}

/**
 * Like a lock file: the hashes of the first development cluster are recorded, and every later cluster must get the same files.
 * @throws Error when the file differs, or when production would be the first to get it
 */
function check(given: { url: string; content: string; file: string; mayRecord: boolean }) {
  const { url, content, file, mayRecord } = given;
  const versions = v.parse(Versions, JSON.parse(readFileSync(file, 'utf8')));
  const hash = hashOf(content);
  const known = versions.hashes[url];
  if (known === hash) return;
  if (known !== undefined)
    throw new Error(
      `${url} has changed: its SHA-256 is ${hash}, but ${known} in ${versionsFile}. Nothing was applied.`,
    );
  if (!mayRecord)
    throw new Error(
      `${versionsFile} has no SHA-256 of ${url}. Try the release on a development cluster first: npm run cluster -- up records the hash; review and commit it.`,
    );
  const hashes = { ...versions.hashes, [url]: hash };
  writeFileSync(file, `${JSON.stringify({ ...versions, hashes }, null, 2)}\n`);
  console.log(`${versionsFile} now has the SHA-256 of ${url}; commit it`);
}

function run(command: string, args: string[], input = ''): string {
  const { status, stdout, error } = spawnSync(command, args, {
    input,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  if (status === 0) return stdout;
  throw new Error(`${command} ${args.join(' ')} failed`, { cause: error });
}

function hashOf(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

try {
  main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
