import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { startSentinels } from '../../functions/testing/sentinels/sentinels.ts';

const root = join(import.meta.dirname, '../..');

it.each(['knative/README.md', 'knative/platform/monitoring/alerts/redis.yaml'])(
  'a Sentinel answers the command that %s names for RedisDown, run in its pod',
  async (file) => {
    const text = readFileSync(join(root, file), 'utf8').replaceAll(/\s+/g, ' ');
    const [, script = ''] = /kubectl exec -n formbus sentinel-0 -- sh -c '([^']+)'/.exec(text) ?? [];
    const { sentinels, master, close } = await startSentinels({ quick: true });
    onTestFinished(close);
    const [sentinel] = sentinels;
    const port = sentinel?.self.split(':')[1] ?? '';
    const answer = await sentinel?.exec(['sh', '-c', script.replace('-p 26379', `-p ${port}`)], 10_000);
    expect(answer?.output).toContain((await master()).self.split(':')[1]);
  },
  120_000,
);
