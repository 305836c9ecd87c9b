import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { upSteps } from './up.ts';
import { readRepository, readVersions } from '../manifests/rules/repository.ts';
import { tempFolder } from '../runner/serving/testing.ts';

const root = join(import.meta.dirname, '../..');
const versions = readVersions(root);
const steps = upSteps({ versions, profile: 'dev', overlay: 'knative/environments/dev', tool: 'kind' });
const text = steps.map(({ command }) => command).join('\n');
const cluster = (args: string[], env: Record<string, string> = {}) => {
  const script = join(root, 'scripts/commands/cluster.ts');
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    env: { PATH: process.env['PATH'], ...env },
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
};

describe('npm run cluster -- up', () => {
  it.each([
    ['kind create cluster', 'platform/namespaces'],
    ['serving-crds.yaml', 'serving-core.yaml'],
    ['serving-core.yaml', 'kourier.yaml'],
    // Knative's webhook validates its settings, so it has to run.
    ['-n knative-serving --for=condition=Available', 'config-network'],
    ['-n knative-serving --for=condition=Available', '"allow-zero-initial-scale":"true"'],
    ['eventing-crds.yaml', 'eventing-core.yaml'],
    ['eventing-core.yaml', 'eventing-kafka-controller.yaml'],
    ['strimzi-cluster-operator', '-k knative/environments/dev'],
    // Its CRDs and its namespace have to exist.
    ['platform/namespaces', 'bundle.yaml'],
    ['rollout status deployment/prometheus-operator', '-k knative/environments/dev'],
    ['get secret grafana ', '-k knative/environments/dev'],
    // They read it at start-up only.
    ['request-metrics-protocol', 'deployment/autoscaler'],
    ['-n knative-eventing --type merge', 'eventing-kafka-broker.yaml'],
    ['-k knative/environments/dev', 'wait prometheus/prometheus'],
    // Redis does not start without its password, and the policy for Kourier needs its namespace.
    ['get secret formbus ', '-k knative/environments/dev'],
    ['kourier.yaml', '-k knative/environments/dev'],
    ['-k knative/environments/dev', 'wait kafka/formbus'],
    ['-k knative/environments/dev', 'wait kafkatopic'],
    ['wait kafka/formbus', 'name: formbus-kafka'],
    ['eventing-kafka-controller.yaml', 'eventing-kafka-broker.yaml'],
    ['eventing-kafka-controller.yaml', 'rollout status deployment/kafka-webhook-eventing'],
  ])('does %s before %s', (first, then) => {
    expect(text).toContain(first);
    expect(text.indexOf(then)).toBeGreaterThan(text.indexOf(first));
  });

  it('names only files that exist, and all pinned releases', () => {
    const files = [...text.matchAll(/(?:-f|-k) (knative\/\S+)/g)].map(([, file = '']) => file);
    expect(files).toHaveLength(2);
    expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([]);
    const urls = [...text.matchAll(/https?:\/\/\S+/g)].map(([url]) => url);
    const releases = Object.values(versions.releases);
    expect(urls.filter((url) => !releases.some((release) => url.startsWith(`${release}/`)))).toEqual([]);
    expect(releases.filter((release) => !urls.some((url) => url.startsWith(release)))).toEqual([]);
    expect(releases.filter((release) => !/\/(knative-v|v)?\d+\.\d+\.\d+$/.test(release))).toEqual([]);
    expect(text).toContain(`--image ${versions.kubernetes}`);
    // A hash of a former version is useless.
    expect(Object.keys(versions.hashes).filter((url) => !urls.includes(url))).toEqual([]);
  });

  it('sets the domain that the edge uses for forms', () => {
    const nginx = readFileSync(join(root, 'knative/platform/edge/nginx.conf'), 'utf8');
    const domain = /Host \$form\.formbus\.(\S+);/.exec(nginx)?.[1];
    expect(text).toContain(`{"data":{"${domain}":""}}`);
  });

  it('uses an existing cluster by its name, and never deletes it', () => {
    const { stdout } = cluster(['up', '--profile', 'prod', '--context', 'mine', '--dry-run']);
    expect(stdout).not.toMatch(/kind |minikube/);
    expect(stdout.match(/kubectl (?!--context mine )/g)).toBeNull();
    expect(stdout).toContain('-k knative/environments/prod');
    const own = cluster([
      'up',
      '--overlay',
      'scripts/examples/installation',
      '--context',
      'mine',
      '--dry-run',
    ]);
    expect(own.stdout).toContain('-k scripts/examples/installation\n');
    expect(cluster(['up', '--overlay', 'nowhere', '--dry-run']).stderr).toContain(
      'has no kustomization.yaml',
    );
    expect(cluster(['down', '--context', 'mine', '--dry-run']).status).toBe(1);
    expect(cluster(['up', '--profile', 'prod', '--dry-run']).stderr).toContain('needs --context');
  });

  it('creates the cluster and secrets once, and continues after a failure', () => {
    const tools = fakeTools();
    const failed = cluster(['up'], { ...tools.env, FAIL: 'wait kafka/formbus' });
    expect(failed.status).toBe(1);
    expect(failed.stderr).toContain('wait for Kafka: failed');
    expect(tools.secrets('formbus-kafka')).toEqual([]);
    expect(cluster(['up'], tools.env).status).toBe(0);
    expect(cluster(['up'], tools.env).status).toBe(0);
    expect(tools.calls().filter((call) => call.includes('kind create cluster'))).toHaveLength(1);
    expect(tools.secrets('grafana')).toHaveLength(1);
    // Strimzi renews its authority.
    expect(tools.secrets('formbus-kafka')).toHaveLength(2);
    expect(tools.secrets('formbus-kafka')[0]).toMatchObject({
      password: 'of formbus',
      'forms-password': 'of formbus-forms',
      'ca.crt': 'of formbus-cluster-ca-cert',
    });
    const [own = {}, ...more] = tools.secrets('formbus');
    expect(more).toEqual([]);
    for (const key of ['idempotency-secret', 'mail-secret', 'redis-password'])
      expect(own[key]).toMatch(/^[0-9a-f]{64}$/);
    // The login for mail is unknown here, and optional.
    const known = Object.keys(readRepository(root).secrets['formbus'] ?? {}).filter(
      (key) => !key.startsWith('smtp-'),
    );
    expect(Object.keys(own).toSorted()).toEqual(known.toSorted());
  });

  it('passes no secret as an argument, which other users of the machine could see', () => {
    const tools = fakeTools();
    const file = join(tempFolder(), "the key's.json");
    writeFileSync(file, '{"private_key":"a"}');
    const url = 'postgres://archive:"it\'s $5"@db/formbus';
    expect(cluster(['up', '--google', file], { ...tools.env, DATABASE_URL: url }).status).toBe(0);
    const [made = {}, given = {}] = tools.secrets('formbus');
    expect(made['database-url']).toBe(url);
    expect(given).toEqual({ 'google-credentials.json': '{"private_key":"a"}' });
    const all = ['formbus', 'formbus-kafka', 'grafana'].flatMap((name) =>
      tools.secrets(name).flatMap(Object.entries),
    );
    expect(all.length).toBeGreaterThan(10);
    // These values of Kafka's are in the repository.
    const secret = all.filter(
      ([key, value]) => !['protocol', 'sasl.mechanism', 'user'].includes(key) && value !== '{}',
    );
    const calls = tools.calls().join('\n');
    for (const [, value] of secret)
      for (const text of [value, Buffer.from(value).toString('base64')]) expect(calls).not.toContain(text);
  });

  it('is ready only when the dispatchers have their pods, which a webhook must be running to admit', () => {
    const tools = fakeTools();
    for (const part of ['broker', 'source']) {
      const failed = cluster(['up'], {
        ...tools.env,
        FAIL: `rollout status statefulset/kafka-${part}-dispatcher`,
      });
      expect([failed.status, failed.stdout]).toEqual([1, expect.not.stringContaining('Ready for')]);
    }
    const { status, stdout } = cluster(['up'], tools.env);
    expect([status, stdout]).toEqual([0, expect.stringContaining('Ready for: skaffold dev')]);
  });

  it('names missing tools before it does anything', () => {
    const tools = fakeTools(['kubectl', 'curl', 'node']);
    const { status, stderr } = cluster(['up'], { PATH: `${tools.bin}:${tools.system}` });
    expect([status, stderr]).toEqual([1, 'kind is missing; install it first\n']);
    expect(tools.calls()).toEqual([]);
  });
});

it('status names everything that is not ready, whether its pods crash or do not exist', () => {
  const tools = fakeTools();
  const { status, stdout } = cluster(['status'], tools.env);
  expect(status).toBe(0);
  const [, ...rows] = stdout.slice(stdout.indexOf('what is not ready')).trim().split('\n');
  expect(rows.map((row) => row.split(/ +/).slice(0, 4).join(' '))).toEqual([
    // Its pods are refused.
    'knative-eventing statefulset.apps/kafka-broker-dispatcher 0/1 4m',
    'formbus demo-task-00001-deployment-5d4 1/2 CrashLoopBackOff',
    'knative-serving activator-7c9 0/1 Running',
  ]);
  expect(tools.calls().filter((call) => call.includes('deployment'))).toEqual(
    expect.arrayContaining([expect.stringContaining('-A -l !serving.knative.dev/revision')]),
  );
});

it('down deletes the cluster that up created', () => {
  expect(cluster(['down', '--dry-run']).stdout).toContain('kind delete cluster --name formbus');
  expect(cluster(['down', '--tool', 'minikube', '--dry-run']).stdout).toContain('minikube delete -p formbus');
});

/** Fake tools that record their arguments and input, and answer like the real ones. */
function fakeTools(names = ['kubectl', 'kind', 'curl', 'node']) {
  const dir = tempFolder();
  const [bin, log, input] = [join(dir, 'bin'), join(dir, 'calls'), join(dir, 'input')];
  mkdirSync(bin);
  for (const file of [log, input]) writeFileSync(file, '');
  for (const name of names) {
    writeFileSync(join(bin, name), fake);
    chmodSync(join(bin, name), 0o755);
  }
  return {
    bin,
    // Without the machine's own kind and minikube.
    system: '/usr/bin:/bin',
    env: { PATH: `${bin}:/usr/bin:/bin`, LOG: log, INPUT: input },
    calls: () => readFileSync(log, 'utf8').split('\n').filter(Boolean),
    /** The values of each Secret of that name that was created or changed. */
    secrets: (name: string) =>
      parseAllDocuments(readFileSync(input, 'utf8'))
        .map((document) => v.safeParse(Secret, document.toJS()))
        .flatMap(({ success, output }) => (success && output.metadata.name === name ? [output.data] : [])),
  };
}

const Base64 = v.pipe(
  v.string(),
  v.transform((text) => Buffer.from(text, 'base64').toString()),
);
const Secret = v.object({
  kind: v.literal('Secret'),
  metadata: v.object({ name: v.string() }),
  data: v.record(v.string(), Base64),
});

const fake = String.raw`#!/bin/sh
call="$(basename "$0") $*"
made() { grep -q "$1" "$LOG"; }
line() { grep -n "$1" "$LOG" | head -1 | cut -d: -f1; }
case $call in
  'kind get clusters') made 'kind create cluster' && echo formbus; exit 0 ;;
  *'get secret formbus -n formbus'*) grep -q 'name: formbus, ' "$INPUT"; exit ;;
  *'get secret grafana -n monitoring'*) grep -q 'name: grafana, ' "$INPUT"; exit ;;
  *'get secret'*'-n kafka'*) printf 'of %s' "$5" | base64; exit 0 ;;
  *' get '*--no-headers)
    case $call in
      *statefulset*)
        echo 'formbus            deployment.apps/edge                           2/2   2   2   4m'
        echo
        echo 'knative-eventing   statefulset.apps/kafka-broker-dispatcher       0/1   4m'
        echo 'knative-eventing   statefulset.apps/kafka-source-dispatcher       0/0   4m' ;;
      *)
        echo 'formbus            demo-task-00001-deployment-5d4       1/2   CrashLoopBackOff   5 (20s ago)   4m'
        echo 'knative-serving    activator-7c9                        0/1   Running            0             4m'
        echo 'knative-eventing   storage-version-migration-eventing   0/1   Completed          0             4m'
        echo 'formbus            redis-0                              1/1   Running            0             4m' ;;
    esac ;;
esac
[ -n "$FAIL" ] && case $call in *"$FAIL"*) exit 1 ;; esac
case $call in
  *'-f -'*)
    content=$(cat)
    [ -n "$content" ] || { echo 'error: no objects passed to apply' >&2; exit 1; }
    printf -- '---
%s
' "$content" >> "$INPUT" ;;
  # Made while the webhook does not answer, its pods are refused, and it has none for minutes.
  *'rollout status statefulset/kafka-'*)
    [ "$(line 'deployment/kafka-webhook-eventing')" -lt "$(line 'eventing-kafka-broker.yaml')" ] || {
      echo 'error: timed out waiting for the condition' >&2; exit 1; } ;;
esac
echo "$call" >> "$LOG"
`;
