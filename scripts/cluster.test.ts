import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { upSteps } from './cluster/steps.ts';
import { readRepository, readVersions } from './manifests/repository.ts';
import { tempFolder } from './local/testing.ts';

const root = join(import.meta.dirname, '..');
const versions = readVersions(root);
const steps = upSteps({ versions, profile: 'dev', tool: 'kind' });
const text = steps.map(({ command }) => command).join('\n');
const cluster = (args: string[], env: Record<string, string> = {}) => {
  const script = join(root, 'scripts/cluster.ts');
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    env: { PATH: process.env['PATH'], ...env },
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
};

describe('npm run cluster -- up', () => {
  it.each([
    ['kind create cluster', 'platform/namespaces/'],
    ['serving-crds.yaml', 'serving-core.yaml'],
    ['serving-core.yaml', 'kourier.yaml'],
    // Knative's own webhook looks at its settings: it has to be there.
    ['-n knative-serving --for=condition=Available', 'config-network'],
    ['-n knative-serving --for=condition=Available', '"allow-zero-initial-scale":"true"'],
    ['kourier.yaml', 'service/kourier'],
    ['eventing-crds.yaml', 'eventing-core.yaml'],
    ['eventing-core.yaml', 'eventing-kafka-controller.yaml'],
    ['strimzi-cluster-operator', '-k knative/environments/dev'],
    // Its kinds have to be there, and the namespace that it is put into.
    ['platform/namespaces/', 'bundle.yaml'],
    ['rollout status deployment/prometheus-operator', '-k knative/environments/dev'],
    ['create secret generic grafana ', '-k knative/environments/dev'],
    // They read it once, when they start.
    ['request-metrics-protocol', 'deployment/autoscaler'],
    ['-n knative-eventing --type merge', 'eventing-kafka-broker.yaml'],
    ['-k knative/environments/dev', 'wait prometheus/prometheus'],
    // Redis does not start without its password, and the policy for Kourier needs its namespace.
    ['create secret generic formbus ', '-k knative/environments/dev'],
    ['kourier.yaml', '-k knative/environments/dev'],
    ['-k knative/environments/dev', 'wait kafka/formbus'],
    ['wait kafka/formbus', 'kafka/topics/'],
    ['wait kafka/formbus', 'create secret generic formbus-kafka'],
    ['eventing-kafka-controller.yaml', 'eventing-kafka-broker.yaml'],
  ])('does %s before %s', (first, then) => {
    expect(text).toContain(first);
    expect(text.indexOf(then)).toBeGreaterThan(text.indexOf(first));
  });

  it('names only files that there are and releases that are pinned, and all of those', () => {
    const files = [...text.matchAll(/(?:-f|-k) (knative\/\S+)/g)].map(([, file = '']) => file);
    expect(files.length).toBeGreaterThan(2);
    expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([]);
    const urls = [...text.matchAll(/https?:\/\/\S+/g)].map(([url]) => url);
    const releases = Object.values(versions.releases);
    expect(urls.filter((url) => !releases.some((release) => url.startsWith(`${release}/`)))).toEqual([]);
    expect(releases.filter((release) => !urls.some((url) => url.startsWith(release)))).toEqual([]);
    expect(releases.filter((release) => !/\/(knative-v|v)?\d+\.\d+\.\d+$/.test(release))).toEqual([]);
    expect(text).toContain(`--image ${versions.kubernetes}`);
  });

  it('has the domain under which the edge looks for forms', () => {
    const nginx = readFileSync(join(root, 'knative/platform/edge/nginx.conf'), 'utf8');
    const domain = /Host \$form\.formbus\.(\S+);/.exec(nginx)?.[1];
    expect(text).toContain(`{"data":{"${domain}":""}}`);
  });

  it('uses a cluster that is there when it is named one, and takes none of those away', () => {
    const { stdout } = cluster(['up', '--profile', 'prod', '--context', 'mine', '--dry-run']);
    expect(stdout).not.toMatch(/kind |minikube/);
    expect(stdout.match(/kubectl (?!--context mine )/g)).toBeNull();
    expect(stdout).toContain('-k knative/environments/prod');
    expect(cluster(['down', '--context', 'mine', '--dry-run']).status).toBe(1);
    expect(cluster(['up', '--profile', 'prod', '--dry-run']).stderr).toContain('needs --context');
  });

  it('makes a cluster and secrets once, and goes on after a failure', () => {
    const tools = fakeTools();
    const failed = cluster(['up'], { ...tools.env, FAIL: 'wait kafka/formbus' });
    expect(failed.status).toBe(1);
    expect(failed.stderr).toContain('wait for Kafka did not work');
    expect(tools.calls().some((call) => call.includes('formbus-kafka'))).toBe(false);
    expect(cluster(['up'], tools.env).status).toBe(0);
    expect(cluster(['up'], tools.env).status).toBe(0);
    const made = (what: string) => tools.calls().filter((call) => call.includes(what)).length;
    expect(made('kind create cluster')).toBe(1);
    expect(made('create secret generic formbus -n')).toBe(1);
    expect(made('create secret generic grafana -n')).toBe(1);
    expect(made('create secret generic formbus-kafka')).toBe(2);
    const secret = tools.calls().find((call) => call.includes('create secret generic formbus-kafka'));
    expect(secret).toContain('--from-literal=password=kept --from-literal=ca.crt=kept');
    const own = tools.calls().find((call) => call.includes('create secret generic formbus -n')) ?? '';
    for (const key of ['idempotency-secret', 'mail-secret', 'redis-password'])
      expect(own).toMatch(new RegExp(`--from-literal=${key}=[0-9a-f]{64} `));
    // What mail needs is not known here, and optional.
    const known = Object.keys(readRepository(root).secrets['formbus'] ?? {}).filter(
      (key) => !key.startsWith('smtp-'),
    );
    expect(known.filter((key) => !own.includes(`--from-literal=${key}=`))).toEqual([]);
  });

  it("gives Google's key to the cluster, whatever its file is called", () => {
    const tools = fakeTools();
    const file = join(tempFolder(), "the key's.json");
    writeFileSync(file, '{"client_email":"a"}');
    expect(cluster(['up', '--google', file], tools.env).status).toBe(0);
    const key = Buffer.from('{"client_email":"a"}').toString('base64');
    expect(tools.calls().find((call) => call.includes('patch secret'))).toContain(
      `{"data":{"google-credentials.json":"${key}"}}`,
    );
  });

  it('says what is missing before it does anything', () => {
    const tools = fakeTools(['kubectl', 'curl']);
    const { status, stderr } = cluster(['up'], { PATH: `${tools.bin}:${tools.system}` });
    expect([status, stderr]).toEqual([1, 'kind is missing; install it first\n']);
    expect(tools.calls()).toEqual([]);
  });
});

it('down takes away the cluster that up made', () => {
  expect(cluster(['down', '--dry-run']).stdout).toContain('kind delete cluster --name formbus');
  expect(cluster(['down', '--tool', 'minikube', '--dry-run']).stdout).toContain('minikube delete -p formbus');
});

/** Tools that write down how they are called, and remember what they have made. */
function fakeTools(names = ['kubectl', 'kind', 'curl']) {
  const dir = tempFolder();
  const [bin, log] = [join(dir, 'bin'), join(dir, 'calls')];
  mkdirSync(bin);
  writeFileSync(log, '');
  for (const name of names) {
    writeFileSync(join(bin, name), fake);
    chmodSync(join(bin, name), 0o755);
  }
  return {
    bin,
    // Without the machine's own kind and minikube.
    system: '/usr/bin:/bin',
    env: { PATH: `${bin}:/usr/bin:/bin`, LOG: log },
    calls: () => readFileSync(log, 'utf8').split('\n').filter(Boolean),
  };
}

const fake = `#!/bin/sh
call="$(basename "$0") $*"
made() { grep -q "$1" "$LOG"; }
case $call in
  'kind get clusters') made 'kind create cluster' && echo formbus; exit 0 ;;
  *'get secret formbus -n formbus'*) made 'create secret generic formbus -n'; exit ;;
  *'get secret grafana -n monitoring'*) made 'create secret generic grafana -n'; exit ;;
  *'get secret'*jsonpath*) printf a2VwdA==; exit 0 ;;
esac
[ -n "$FAIL" ] && case $call in *"$FAIL"*) exit 1 ;; esac
echo "$call" >> "$LOG"
`;
