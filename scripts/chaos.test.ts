import { expect, it } from 'vitest';
import { runCampaign } from './chaos/campaign.ts';
import { temporaryFolder } from './testing.ts';

it('loses nothing and doubles nothing while every process is killed or frozen and Google misbehaves', async () => {
  const folder = await temporaryFolder();
  const said: string[] = [];
  const say = (line: string) => void said.push(line);
  const report = await runCampaign({ seed: 3, lengthMs: 45_000, rate: 40, folder: folder.path, say });
  expect(report, `the data are kept in ${folder.path}`).toMatchObject({
    lost: [],
    duplicated: [],
    wrong: [],
  });
  expect(Object.keys(report.refused).filter((status) => status !== '503')).toEqual([]);
  expect(report.accepted).toBeGreaterThan(500);
  expect(Object.values(report.faults).reduce((a, b) => a + b, 0)).toBeGreaterThan(5);
  await folder.remove();
}, 400_000);
