import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { openApi } from '../api/api.ts';
import { startFakeApi } from '../api/fake-api.ts';
import { tempFolder } from '../../runner/serving/testing.ts';
import { readCrds } from '../../manifests/rules/crds.ts';
import { openClusterFormbus } from './cluster.ts';
import { refusingTaskResources } from './refusing-task.ts';
import { install, put, ready, serving } from './testing.ts';

it('npm run test:cluster says in a line what it needs', async () => {
  const script = join(import.meta.dirname, '../../commands/cluster-suite.ts');
  const run = (env: Record<string, string> = {}, ...args: string[]) => {
    const child = spawnSync(process.execPath, [script, ...args], { encoding: 'utf8', env });
    return [child.status, child.stderr, child.stdout];
  };
  expect(run()).toEqual([
    2,
    expect.stringMatching(/^KUBECONFIG is not set: .*npm run cluster -- up.*\n$/),
    '',
  ]);
  expect(run({ KUBECONFIG: '/nowhere' })[1]).toMatch(/^the kubeconfig cannot be read: .*\n$/);
  expect(run({}, '--list')[2]).toContain('from zero instances');
});

it('looks first whether Formbus is there and ready', async () => {
  const fake = await startFakeApi(tempFolder());
  onTestFinished(() => fake.close());
  vi.stubEnv('KUBECONFIG', fake.kubeconfig);
  onTestFinished(() => void vi.unstubAllEnvs());
  const open = () => openClusterFormbus(openApi(), { namespace: 'formbus', say: () => {} });
  await expect(open()).rejects.toThrow(
    'there is no Formbus in namespace formbus of test: the Service demo-task is missing; npm run cluster -- up',
  );
  const { kafkaSecret } = install(fake);
  await expect(open()).rejects.toThrow('the Secret formbus-kafka is missing');
  kafkaSecret({ user: 'formbus' });
  await expect(open()).rejects.toThrow('the Secret formbus-kafka lacks');
  // A pod that is not to be reached is told by an event, which has words, or only an error's.
  kafkaSecret({ user: 'formbus', password: 'a', 'ca.crt': 'b' });
  const labels = { 'strimzi.io/cluster': 'formbus', 'strimzi.io/broker-role': 'true' };
  put(fake.objects, '/api/v1/namespaces/kafka/pods/formbus-nodes-0', ready, labels);
  await expect(open()).rejects.toThrow(/through the API server: .*Unexpected server response: 404/);
  fake.dropsForwards = true;
  await expect(open()).rejects.toThrow(/through the API server: .*(socket hang up|ECONNRESET)/);
  const message = 'Revision "sheets-flush-00001" failed';
  put(fake.objects, `${serving}/sheets-flush`, {
    spec: { template: { spec: { containers: [{ image: 'a' }] } } },
    status: { conditions: [{ type: 'Ready', status: 'False', message }] },
  });
  await expect(open()).rejects.toThrow(
    `Service sheets-flush in namespace formbus of test is not ready: ${message}`,
  );
});

const crds = process.env['CRDS_DIR'];
it.skipIf(crds === undefined)('the task that it puts there is what the CRDs take', () => {
  const check = readCrds(crds ?? '');
  const problems = refusingTaskResources({ image: 'dev.local/formbus', isRepaired: true }).flatMap((one) =>
    check({
      file: one.kind,
      name: one.metadata.name,
      apiVersion: one.apiVersion,
      kind: one.kind,
      content: { ...one },
    }),
  );
  expect(problems).toEqual([]);
});
