import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tempFolder } from '../../runner/serving/testing.ts';

const script = join(import.meta.dirname, 'release.ts');
const address = 'https://example.org/releases';

const kourier = (type: string) => `---
apiVersion: v1
kind: Service
metadata:
  name: kourier-internal
spec:
  type: ClusterIP
---
apiVersion: v1
kind: Service
metadata:
  name: kourier
spec:
  type: ${type}
`;
const eventing = `---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: pingsource-mt-adapter
spec:
  replicas: 0
  template: {}
`;
const dispatcher = (part: string) => `---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: kafka-${part}-dispatcher
spec:
  template:
    spec:
      containers:
        - resources:
            requests:
              cpu: 1000m
            limits:
              cpu: 2000m
`;
const receiver = (part: string) => `---
apiVersion: v1
kind: ConfigMap
metadata:
  name: config-kafka-${part}-data-plane
data:
  _example: |
    config-kafka-${part}-httpserver.properties: |
      idleTimeout=0
  config-kafka-${part}-httpserver.properties: |
    idleTimeout=0
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: kafka-${part}-receiver
spec:
  template:
    metadata:
      name: kafka-${part}-receiver
`;
const files = {
  'kourier.yaml': kourier('LoadBalancer'),
  'eventing-core.yaml': eventing,
  'eventing-kafka-broker.yaml': receiver('broker') + dispatcher('broker'),
  'eventing-kafka-source.yaml': dispatcher('source'),
  'eventing-kafka-sink.yaml': receiver('sink'),
  'strimzi-cluster-operator-1.2.0.yaml': 'namespace: myproject\n',
  'bundle.yaml': 'namespace: default\n',
  'serving-core.yaml': 'kind: Namespace\n',
};

/** A server of releases, and a kubectl that records what was applied and annotated. */
function open(served: Record<string, string> = files) {
  const dir = tempFolder();
  const [bin, releases] = [join(dir, 'bin'), join(dir, 'releases')];
  for (const folder of [bin, releases, join(dir, 'knative/platform')]) mkdirSync(folder, { recursive: true });
  const versions = join(dir, 'knative/platform/versions.json');
  const write = (hashes: Record<string, string>) =>
    writeFileSync(versions, JSON.stringify({ kubernetes: 'x', releases: {}, hashes, images: {} }));
  write({});
  const tools = {
    curl: 'cat "$DIR/releases/$(basename "$2")"',
    kubectl: `case $* in
      *jsonpath=*) key=$(printf %s "$*" | sed 's/.*annotations.//; s/}//; s/[\\\\]//g'); sed -n "s|^$key=||p" "$DIR/marks" 2>/dev/null | tail -1 | tr -d '\\n' ;;
      *' apply '*) cat > "$DIR/applied" ;;
      *annotate*) for last; do :; done; echo "$last" >> "$DIR/marks" ;;
    esac; exit 0`,
  };
  for (const [name, text] of Object.entries(tools)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  for (const [name, text] of Object.entries(served)) writeFileSync(join(releases, name), text);
  return {
    /** The content that is applied; '' when nothing is. */
    apply(file: string, { version = 'v1', profile = 'dev' } = {}) {
      writeFileSync(join(dir, 'applied'), '');
      const args = [
        script,
        `${address}/${version}/${file}`,
        '--profile',
        profile,
        '--context',
        'c',
        '--root',
        dir,
      ];
      const env = { PATH: `${bin}:/usr/bin:/bin`, DIR: dir };
      const { status, stderr } = spawnSync(process.execPath, args, { env, encoding: 'utf8' });
      return { status, stderr, applied: readFileSync(join(dir, 'applied'), 'utf8') };
    },
    put: (file: string, text: string) => writeFileSync(join(releases, file), text),
    write,
    hashes: (): unknown => JSON.parse(readFileSync(versions, 'utf8')).hashes,
  };
}

describe('a file of a release', () => {
  it('is applied when its version is new, and skipped when it is installed', () => {
    const { apply } = open();
    const file = 'serving-core.yaml';
    expect(apply(file)).toMatchObject({ status: 0, applied: files[file] });
    expect(apply(file)).toMatchObject({ status: 0, applied: '' });
    expect(apply(file, { version: 'v2' })).toMatchObject({ status: 0, applied: files[file] });
    // Resource requests differ by profile.
    expect(apply(file, { version: 'v2', profile: 'prod' })).toMatchObject({
      status: 0,
      applied: files[file],
    });
  });

  it('never exposes Kourier, at the first installation or later', () => {
    const { apply } = open();
    for (const version of ['v1', 'v2'])
      expect(apply('kourier.yaml', { version }).applied).toBe(kourier('ClusterIP'));
  });

  it('keeps the number of PingSource adapters once it is installed', () => {
    const { apply } = open();
    expect(apply('eventing-core.yaml').applied).toBe(eventing);
    expect(apply('eventing-core.yaml', { version: 'v2' }).applied).toBe(
      eventing.replace('  replicas: 0\n', ''),
    );
  });

  it.each(['broker', 'sink'])(
    'makes the ingress of the %s accept the longest attributes, and restarts it for that',
    (part) => {
      const { applied } = open().apply(`eventing-kafka-${part}.yaml`);
      expect(applied).toContain(
        `\n  config-kafka-${part}-httpserver.properties: |\n    maxHeaderSize=65536\n    idleTimeout=0\n`,
      );
      expect(applied.match(/maxHeaderSize/g)).toHaveLength(1);
      expect(applied).toContain(
        `    metadata:\n      annotations: { formbus.dev/max-header-size: '65536' }\n      name: kafka-${part}-receiver\n`,
      );
    },
  );

  it.each(['broker', 'source'])(
    'requests less than a core for the dispatcher of the %s on a small cluster only',
    (part) => {
      const file = `eventing-kafka-${part}.yaml`;
      expect(open().apply(file).applied).toContain(
        'requests:\n              cpu: 100m\n            limits:\n              cpu: 2000m',
      );
      const { apply, write } = open();
      write({ [`${address}/v1/${file}`]: hashOf(file) });
      expect(apply(file, { profile: 'prod' }).applied).toContain('requests:\n              cpu: 1000m\n');
    },
  );

  it.each([
    ['strimzi-cluster-operator-1.2.0.yaml', 'kafka'],
    ['bundle.yaml', 'monitoring'],
  ])('%s is installed into the namespace %s', (file, namespace) => {
    expect(open().apply(file).applied).toBe(`namespace: ${namespace}\n`);
  });

  it('in which an edit finds nothing to change is refused', () => {
    const { apply } = open({ 'kourier.yaml': kourier('NodePort') });
    expect(apply('kourier.yaml')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('Service kourier no longer contains type: LoadBalancer'),
      applied: '',
    });
  });

  it('must be the same as on the first cluster, and production is never the first', () => {
    const { apply, put, hashes } = open();
    const file = 'serving-core.yaml';
    expect(apply(file, { profile: 'prod' })).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('has no SHA-256'),
      applied: '',
    });
    expect(hashes()).toEqual({});
    expect(apply(file).status).toBe(0);
    expect(hashes()).toEqual({ [`${address}/v1/${file}`]: hashOf(file) });
    expect(apply(file, { profile: 'prod' })).toMatchObject({ status: 0, applied: files[file] });
    put(file, 'kind: Backdoor\n');
    const changed = apply(file, { version: 'v1', profile: 'dev' });
    expect(changed).toMatchObject({
      status: 1,
      applied: '',
      stderr: expect.stringContaining('has changed: its SHA-256 is'),
    });
  });
});

function hashOf(file: string): string {
  const text = Object.entries(files).find(([name]) => name === file)?.[1] ?? '';
  return createHash('sha256').update(text).digest('hex');
}
