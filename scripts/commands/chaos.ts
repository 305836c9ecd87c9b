import { parseArgs } from 'node:util';
import { command } from '../cli/command.ts';
import { startSentinels, type Sentinels } from '../../functions/testing/sentinels/sentinels.ts';
import { runCampaign } from '../chaos/campaign.ts';
import { makePlan } from '../chaos/plan.ts';
import { isClean, tableOf } from '../chaos/judge/report.ts';
import { temporaryFolder } from '../testing/formbus.ts';

const help = `Sets this machine's Formbus on fire and counts what is lost and what is doubled.

  npm run chaos -- [--minutes N] [--rate R] [--seed S] [--kafka] [--sentinel] [--plan] [--json]

  --minutes N   how long submissions come (default 2); longer where the machine is too slow for the plan
  --rate R      submissions a second (default 50)
  --seed S      the plan's seed (default: a random one, printed)
  --kafka       send everything through an Apache Kafka, which is killed and frozen as well (Java, and the first time Maven)
  --sentinel    three Redis servers and three Sentinels, by the scripts and with the configuration of the cluster, in place of
                the runner's own Redis: masters are killed, frozen and cut off, replicas killed and frozen, Sentinels killed;
                from 2 minutes on there is a rolling restart, too, which takes three
  --plan        print the plan and do nothing
  --json        print the report as JSON
  --help        this text

One of its forms has words for its mails that are as long as they may be, in Devanagari; one in seven recipients is at a domain that
answers 452 throughout.
Exit code 1 when a submission was lost, doubled or mixed up with another, a mail was lost or sent twice, rows are out of order, the audit finds fault, the runner
ended by itself, a form answered what it may not (a refusal is a 422 for what is invalid, and a 408 or 503), or a process keeps growing.
The data and the runner's output are kept then.
From 4 minutes on, no process is ended in the last 45 % of the time, so that memory is seen over lives that are long enough: of the
longest one of each process, if of two minutes or more, the last quarter may be 15 % and 12 MB above the second (Redis has to remember
100 bytes a submission); more than that is a step when nearly all of it came before the third quarter, else the process grows.
The full disk needs a file system of its own for the data (root on Linux); elsewhere this fault is left out.
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
