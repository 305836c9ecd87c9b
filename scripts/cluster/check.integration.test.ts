import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished, vi } from 'vitest';
import * as v from 'valibot';
import { put, ready, serving } from './suite/testing.ts';
import { tempFolder } from '../runner/serving/testing.ts';
import { openApi } from './api/api.ts';
import { checkFunctions } from './check.ts';
import { startFakeApi } from './api/fake-api.ts';

const pods = '/api/v1/namespaces/formbus/pods';
const isTrue = (type: string) => ({ type, status: 'True' });

/** A cluster whose gateway, like the activator, holds a request until there is an instance. Services in `runs` have one. */
async function open() {
  const fake = await startFakeApi(tempFolder());
  onTestFinished(() => fake.close());
  const asked: string[] = [];
  const gateway = createServer((req, res) => {
    const name = req.headers.host?.split('.', 1)[0] ?? '';
    asked.push(`${req.method} ${req.headers.host} ${req.url}`);
    if (name === 'runs') res.writeHead(405).end();
    if (name === 'fails') res.writeHead(500).end('no such table\nmore');
  }).listen(0, '127.0.0.1');
  await once(gateway, 'listening');
  onTestFinished(() => {
    gateway.close();
    gateway.closeAllConnections();
  });
  const { port } = v.parse(v.object({ port: v.number() }), gateway.address());
  fake.ports.set('kourier-1:8081', port);
  const labels = { app: '3scale-kourier-gateway' };
  put(fake.objects, '/api/v1/namespaces/kourier-system/pods/kourier-1', ready, labels);
  const deploy = (name: string, condition: object = isTrue('Ready'), pod?: object) => {
    const revision = `${name}-00002`;
    const status = { latestReadyRevisionName: revision, conditions: [condition] };
    put(fake.objects, `${serving}/${name}`, { status });
    const selected = { 'serving.knative.dev/revision': revision };
    if (pod) put(fake.objects, `${pods}/${name}-a`, { status: pod }, selected);
  };
  return { fake, asked, deploy };
}

const container = (state: object, lastState: object = {}) => ({
  containerStatuses: [{ name: 'user-container', state, lastState }],
});

it('npm run cluster -- check starts each function once, and reports why one does not start', async () => {
  const { fake, asked, deploy } = await open();
  deploy('runs');
  deploy('fails');
  const message = 'Back-off pulling image "registry.example.org/formbus:typo"';
  deploy('no-image', undefined, container({ waiting: { reason: 'ImagePullBackOff', message } }));
  const secret = 'secret "formbus-kafka" not found';
  deploy(
    'no-secret',
    undefined,
    container({ waiting: { reason: 'CreateContainerConfigError', message: secret } }),
  );
  const waiting = { reason: 'CrashLoopBackOff', message: 'back-off 10s restarting failed container' };
  const terminated = { reason: 'Error', exitCode: 1 };
  deploy('crashes', undefined, container({ waiting }, { terminated }));
  fake.logs.set('crashes-a', 'KAFKA_USERNAME and KAFKA_PASSWORD go together: set both or none.\n');
  deploy('refused', {
    type: 'Ready',
    status: 'False',
    reason: 'RevisionFailed',
    message: 'no such registry',
  });

  const cluster = join(import.meta.dirname, '../commands/cluster.ts');
  const env = { PATH: process.env['PATH'], KUBECONFIG: fake.kubeconfig };
  const run = promisify(execFile)(process.execPath, [cluster, 'check', '--context', 'test'], { env });
  const told = await run.then(
    () => undefined,
    (error: unknown) =>
      v.parse(v.object({ code: v.number(), stdout: v.string(), stderr: v.string() }), error),
  );
  expect([told?.code, told?.stderr]).toEqual([1, '5 functions do not start\n']);
  const lines = told?.stdout.replaceAll(/\(\d+\.\d s\)/g, '(n s)').replaceAll('\n  ', ' | ');
  expect(lines?.trim().split('\n').toSorted()).toEqual([
    'crashes DOES NOT START: user-container exited with 1 (Error) | KAFKA_USERNAME and KAFKA_PASSWORD go together: set both or none.',
    'fails DOES NOT START: answers 500: no such table',
    `no-image DOES NOT START: user-container: ImagePullBackOff ${message}`,
    `no-secret DOES NOT START: user-container: CreateContainerConfigError ${secret}`,
    'refused DOES NOT START: RevisionFailed: no such registry',
    'runs starts (n s)',
  ]);
  // A Service that is not ready gets no request.
  expect(asked.toSorted()).toEqual(
    ['crashes', 'fails', 'no-image', 'no-secret', 'runs'].map(
      (name) => `GET ${name}.formbus.svc.cluster.local /`,
    ),
  );
});

it('waits for room on a node, and reports when there is none', async () => {
  const { fake, deploy } = await open();
  vi.stubEnv('KUBECONFIG', fake.kubeconfig);
  onTestFinished(() => void vi.unstubAllEnvs());
  const message = '0/1 nodes are available: 1 Insufficient cpu.';
  deploy('late', undefined, { conditions: [{ type: 'PodScheduled', status: 'False', message }] });
  const said: string[] = [];
  const options = { namespace: 'formbus', say: (line: string) => void said.push(line), patienceMs: 0 };
  expect(await checkFunctions(openApi('test'), options)).toBe(1);
  expect(said).toEqual([`late DOES NOT START: ${message}`]);
  await expect(checkFunctions(openApi('test'), { ...options, namespace: 'other' })).rejects.toThrow(
    'there are no functions in namespace other of test',
  );
});
