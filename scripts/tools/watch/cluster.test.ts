import { onTestFinished, expect, it, vi } from 'vitest';
import type { KubernetesObject } from '@kubernetes/client-node';
import { openApi } from '../../cluster/api/api.ts';
import { podOf, startFakeApi } from '../../cluster/api/fake-api.ts';
import { tempFolder } from '../../runner/serving/testing.ts';
import { readCrds } from '../../manifests/rules/crds.ts';
import { watchCluster } from './cluster.ts';
import { readQueueStats } from './queue-stats.ts';

const serving = '/apis/serving.knative.dev/v1/namespaces/formbus';
const pods = '/api/v1/namespaces/formbus/pods';
const apiVersion = 'serving.knative.dev/v1';
const template = { spec: { containers: [{ name: 'user-container', image: 'dev.local/formbus' }] } };

function serviceOf(name: string, isTask = false): KubernetesObject & { spec: object } {
  const labels = isTask ? { 'networking.knative.dev/visibility': 'cluster-local' } : {};
  return { apiVersion, kind: 'Service', metadata: { name, labels }, spec: { template } };
}

function revisionOf(name: string, service: string, desiredReplicas?: number) {
  const labels = { 'serving.knative.dev/service': service };
  const status = {
    observedGeneration: 1,
    ...(desiredReplicas === undefined ? {} : { desiredReplicas, actualReplicas: desiredReplicas }),
  };
  return { apiVersion, kind: 'Revision', metadata: { name, labels }, spec: template.spec, status };
}

/** As queue-proxy writes a Stat: pod_name, average_concurrent_requests, request_count, process_uptime. */
function statOf(pod: string, concurrency: number, requests: number): Buffer {
  const double = (tag: number, value: number) => {
    const bytes = Buffer.alloc(9, tag);
    bytes.writeDoubleLE(value, 1);
    // proto3 leaves out what is zero.
    return value === 0 ? Buffer.alloc(0) : bytes;
  };
  const name = Buffer.from(pod);
  return Buffer.concat([
    Buffer.from([0x0a, name.length]),
    name,
    double(0x11, concurrency),
    double(0x21, requests),
    double(0x31, 12.5),
  ]);
}

async function open() {
  const fake = await startFakeApi(tempFolder());
  onTestFinished(() => fake.close());
  vi.stubEnv('KUBECONFIG', fake.kubeconfig);
  onTestFinished(() => void vi.unstubAllEnvs());
  const put = (path: string, object: KubernetesObject) =>
    fake.objects.set(`${path}/${object.metadata?.name}`, object);
  const source = watchCluster(openApi('test'), 'formbus');
  return { fake, put, read: () => source.read(AbortSignal.timeout(10_000)), source };
}

it('reads a pod’s figures as queue-proxy writes them', () => {
  expect(readQueueStats(statOf('demo-form-00001-deployment-5c4', 3.25, 410))).toEqual({
    concurrency: 3.25,
    perSecond: 410,
  });
  expect(readQueueStats(statOf('a', 0, 0))).toEqual({ concurrency: 0, perSecond: 0 });
  expect(() => readQueueStats(Buffer.from('<html>'))).toThrow('not a Stat of queue-proxy');
});

it('sees a form start from zero, scale out and go back: pods, what Revisions want, and the figures of each', async () => {
  const { fake, put, read, source } = await open();
  expect(source.name).toBe('namespace formbus of test');
  put(`${serving}/services`, serviceOf('demo-task', true));
  put(`${serving}/services`, serviceOf('demo-form'));
  put(`${serving}/services`, serviceOf('no-revision', true));
  put(`${serving}/revisions`, revisionOf('demo-task-00001', 'demo-task'));
  put(`${serving}/revisions`, revisionOf('demo-form-00001', 'demo-form', 0));
  put(`${serving}/revisions`, revisionOf('demo-form-00002', 'demo-form', 0));
  const idle = { kind: 'form', ready: 0, wanted: 0, concurrency: 0, perSecond: 0, coldStarts: 0 };
  expect(await read()).toEqual([
    { name: 'demo-form', ...idle },
    // It has never started, and no instance is wanted.
    { name: 'demo-task', ...idle, kind: 'task' },
    { name: 'no-revision', ...idle, kind: 'task', wanted: undefined },
  ]);

  put(`${serving}/revisions`, revisionOf('demo-form-00002', 'demo-form', 3));
  put(pods, podOf('a', 'demo-form'));
  put(pods, podOf('b', 'demo-form'));
  put(pods, podOf('c', 'demo-form', { isReady: false }));
  fake.stats.set('a', statOf('a', 3, 40));
  fake.stats.set('b', statOf('b', 2.5, 30));
  const form = async () => (await read())[0];
  const busy = { ...idle, ready: 2, wanted: 3, concurrency: 5.5, perSecond: 70, coldStarts: 2 };
  expect(await form()).toMatchObject(busy);

  // When the figures of one pod are missing, the sum is unknown.
  put(pods, podOf('c', 'demo-form'));
  const partly = { ready: 3, coldStarts: 3, concurrency: undefined, perSecond: undefined };
  expect(await form()).toMatchObject(partly);

  // A pod that is not ready for a moment is not a new one; a pod that ends is not an instance.
  put(pods, podOf('a', 'demo-form', { isReady: false }));
  expect(await form()).toMatchObject({ ready: 2 });
  put(pods, podOf('b', 'demo-form', { isEnding: true }));
  put(pods, podOf('a', 'demo-form'));
  expect(await form()).toMatchObject({ ready: 2, coldStarts: 3 });

  for (const name of ['a', 'b', 'c']) fake.objects.delete(`${pods}/${name}`);
  put(`${serving}/revisions`, revisionOf('demo-form-00002', 'demo-form', 0));
  expect(await form()).toMatchObject({ ...idle, coldStarts: 3 });
});

it('names what is missing and what to do', async () => {
  const { fake, put, read } = await open();
  await expect(read()).rejects.toThrow('npm run cluster -- up');
  put(`/apis/serving.knative.dev/v1/namespaces/other/services`, serviceOf('demo-form'));
  put('/api/v1/namespaces/other/pods', podOf('a', 'demo-form'));
  await expect(read()).rejects.toThrow('no Knative Services in namespace formbus of test');
  fake.broken = 403;
  await expect(read()).rejects.toThrow('answered 403: the fake is broken');
  await fake.close();
  await expect(read()).rejects.toThrow('does not answer');
  expect(() => openApi('other')).toThrow('there is no context other; there are test');
  vi.stubEnv('KUBECONFIG', '/nowhere');
  expect(() => openApi()).toThrow('see KUBECONFIG');
});

const crds = process.env['CRDS_DIR'];
it.skipIf(crds === undefined)('the fake speaks of Services and Revisions as Knative’s CRDs do', () => {
  const check = readCrds(crds ?? '');
  const problems = [serviceOf('a', true), revisionOf('b', 'a', 2)].flatMap((content) =>
    check({ file: 'fake', name: 'fake', apiVersion, kind: content.kind ?? '', content: { ...content } }),
  );
  expect(problems).toEqual([]);
});
