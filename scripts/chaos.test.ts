import { expect, it } from 'vitest';
import { runCampaign } from './chaos/campaign.ts';
import { sum } from './chaos/report.ts';
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
    outOfOrder: 0,
    broken: {},
    runnerEnded: 0,
    deadLetters: 0,
  });
  expect(report.accepted).toBeGreaterThan(500);
  expect(sum(report.faults)).toBeGreaterThan(5);
  await folder.remove();
}, 400_000);
