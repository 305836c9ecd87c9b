import { expect, it, onTestFinished } from 'vitest';
import { startSentinels } from '../../functions/testing/sentinels/sentinels.ts';
import { runCampaign } from '../chaos/campaign.ts';
import type { CampaignOptions } from '../chaos/options.ts';
import { isClean, sum, tableOf } from '../chaos/judge/report.ts';
import { describeKafka } from '../testing/kafka.ts';
import { temporaryFolder } from '../testing/formbus.ts';

async function campaign(options: Omit<CampaignOptions, 'folder' | 'say'>) {
  const folder = await temporaryFolder();
  const report = await runCampaign({
    ...options,
    folder: folder.path,
    say: () => {},
  });
  expect(isClean(report), `${tableOf(report)}\nthe data are kept in ${folder.path}`).toBe(true);
  await folder.remove();
  return report;
}

/** A mail that was under way when its task or Redis was lost may have gone out or not: for a person to decide. */
const notMails = (byTrigger: Record<string, number>) =>
  Object.keys(byTrigger).filter((trigger) => trigger !== 'send-confirmation');

it('loses nothing and duplicates nothing while every process is killed or frozen and Google misbehaves', async () => {
  const report = await campaign({ seed: 4, lengthMs: 45_000, rate: 40 });
  const { accepted, deadLetters, faults, mailed, deferred } = report;
  expect(accepted).toBeGreaterThan(100);
  // Of three forms two send mails; one in seven goes to a domain that takes none.
  expect(mailed).toBeGreaterThan(30);
  expect(deferred).toBeGreaterThan(3);
  expect(notMails(deadLetters)).toEqual([]);
  expect(sum(faults)).toBeGreaterThan(5);
}, 400_000);

it('loses nothing and duplicates nothing while the master of its Redis is cut off, the next one frozen and the one after that killed', async () => {
  const sentinels = await startSentinels({ quick: true });
  onTestFinished(sentinels.close);
  const options = { seed: 6849, lengthMs: 22_000, rate: 40, services: ['sheets-buffer'] };
  const { accepted, deadLetters, faults } = await campaign({ ...options, sentinels });
  expect(accepted).toBeGreaterThan(100);
  expect(notMails(deadLetters)).toEqual([]);
  expect(faults).toMatchObject({
    'kill redis-master': 1,
    'freeze redis-master': 1,
    'cut off redis-master': 1,
  });
}, 400_000);

describeKafka('with a Kafka', () => {
  it('that is killed and frozen as well, it loses nothing and duplicates nothing either', async () => {
    // With these few, Kafka is killed early on, whatever tasks there are.
    const services = ['demo-form', 'sheets-buffer'];
    const options = { seed: 26, lengthMs: 45_000, rate: 20, kafka: true, services };
    const { accepted, deadLetters, faults } = await campaign(options);
    expect(accepted).toBeGreaterThan(100);
    expect(notMails(deadLetters)).toEqual([]);
    expect(faults).toMatchObject({ 'kill kafka': 1 });
  }, 600_000);
});
