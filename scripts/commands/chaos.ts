import { parseArgs } from 'node:util';
import { command } from '../cli/command.ts';
import { startSentinels, type Sentinels } from '../../functions/testing/sentinels/sentinels.ts';
import { runCampaign } from '../chaos/campaign.ts';
import { makePlan } from '../chaos/plan.ts';
import { isClean, tableOf } from '../chaos/judge/report.ts';
import { temporaryFolder } from '../testing/formbus.ts';

const help = `Runs a Formbus under faults and counts lost and duplicated submissions.

  npm run chaos -- [--minutes N] [--rate R] [--seed S] [--kafka] [--sentinel] [--plan] [--json]

  --minutes N   how long submissions are sent (default 2); longer on a machine that is too slow for the plan
  --rate R      submissions a second (default 50)
  --seed S      the plan's seed (default: a random one, printed)
  --kafka       sends everything through an Apache Kafka, which is killed and frozen as well (needs Java; the first time Maven)
  --sentinel    replaces the runner's Redis with three Redis servers and three Sentinels, with the cluster's scripts and
                configuration: masters are killed, frozen and cut off, replicas killed and frozen, Sentinels killed.
                A campaign of 2 minutes or more adds a rolling restart of three minutes
  --plan        prints the plan without running it
  --json        prints the report as JSON
  --help        prints this text

One form has mails with the longest allowed texts, in Devanagari. One recipient in seven has a full mailbox (452).
Exit code 1 when a submission is lost, duplicated or wrong, a mail is lost or sent twice, rows are out of order, the audit finds a problem,
the runner ends by itself, a form returns a wrong answer (only 422 for an invalid submission, 408 and 503 are allowed), or a process keeps
growing. The data and the runner's output are kept then.
From 4 minutes on, no process is killed in the last 45 % of the time, so that memory can be judged. Of the longest life of each process, if
it is 2 minutes or more, the last quarter may exceed the second by 15 % and 12 MB (Redis also remembers 100 bytes a submission). More is a
step if nearly all of it came before the third quarter; otherwise the process grows.
The fault of a full disk needs to mount a file system (root on Linux); elsewhere it is left out.
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '2' },
      rate: { type: 'string', default: '50' },
      seed: { type: 'string' },
      kafka: { type: 'boolean', default: false },
      sentinel: { type: 'boolean', default: false },
      plan: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  const { kafka, sentinel } = values;
  const lengthMs = positive('--minutes', values.minutes) * 60_000;
  const rate = positive('--rate', values.rate);
  const seed =
    values.seed === undefined ? Math.ceil(Math.random() * 2 ** 31) : positive('--seed', values.seed);
  if (values.plan) {
    for (const { at, do: act, what, ms } of makePlan({ seed, lengthMs, kafka, sentinel })) {
      console.log(`${(at / 1_000).toFixed(1).padStart(7)} s  ${act} ${what}${ms ? ` (${ms} ms)` : ''}`);
    }
    return;
  }

  const folder = await temporaryFolder();
  const say = (line: string) => process.stderr.write(`${line}\n`);
  say(`seed ${seed}, ${values.minutes} minutes at ${rate} submissions a second, in ${folder.path}`);
  const interrupt = new AbortController();
  const onSignal = () => interrupt.abort(new Error('Stopped; nothing is kept.'));
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  let clean = false;
  let sentinels: Sentinels | undefined;
  try {
    if (sentinel) sentinels = await startSentinels();
    const options = { seed, lengthMs, rate, kafka, sentinels, folder: folder.path, say };
    const report = await runCampaign({ ...options, aborted: interrupt.signal });
    clean = isClean(report);
    console.log(values.json ? JSON.stringify(report, null, 2) : tableOf(report));
  } finally {
    await sentinels?.close();
    if (clean || interrupt.signal.aborted) await folder.remove();
    else say(`Not clean. The data and the runner's output are kept in ${folder.path}.`);
    process.exitCode = interrupt.signal.aborted ? 130 : Number(!clean);
  }
}

function positive(option: string, text: string): number {
  const number = Number(text);
  if (!(number > 0)) throw new Error(`${option} takes a number above 0, not ${text}\n\n${help}`);
  return number;
}

command(help, main, { failed: 1 });
