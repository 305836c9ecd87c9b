import { parseArgs } from 'node:util';
import { runCampaign, type Report } from './chaos/campaign.ts';
import { makePlan } from './chaos/plan.ts';
import { temporaryFolder } from './testing.ts';

const help = `Sets this machine's Formbus on fire and counts what is lost and what is doubled.

  npm run chaos -- [--minutes N] [--rate R] [--seed S] [--plan] [--json]

  --minutes N   how long submissions come (default 2)
  --rate R      submissions a second (default 50)
  --seed S      the plan's seed (default: a random one, printed)
  --plan        print the plan and do nothing
  --json        print the report as JSON

Exit code 1 when a submission was lost or doubled, or refused with anything but 4xx and 503. The data and the log are kept then.
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '2' },
      rate: { type: 'string', default: '50' },
      seed: { type: 'string' },
      plan: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return void process.stdout.write(help);
  const lengthMs = positive('--minutes', values.minutes) * 60_000;
  const rate = positive('--rate', values.rate);
  const seed =
    values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : positive('--seed', values.seed);
  if (values.plan) {
    for (const { at, do: act, what, ms } of makePlan({ seed, lengthMs })) {
      console.log(`${(at / 1_000).toFixed(1).padStart(7)} s  ${act} ${what}${ms ? ` (${ms} ms)` : ''}`);
    }
    return;
  }
  const folder = await temporaryFolder();
  const say = (line: string) => process.stderr.write(`${line}\n`);
  say(`seed ${seed}, ${values.minutes} minutes at ${rate} submissions a second, in ${folder.path}`);
  const report = await runCampaign({ seed, lengthMs, rate, folder: folder.path, say });
  if (values.json) console.log(JSON.stringify(report, null, 2));
  else console.log(table(report));
  if (isClean(report)) return folder.remove();
  console.error(`Not clean. The data and the runner's output are kept in ${folder.path}.`);
  process.exitCode = 1;
}

function isClean({ lost, duplicated, wrong, refused }: Report): boolean {
  const badRefusal = Object.keys(refused).some((status) => !(status.startsWith('4') || status === '503'));
  return lost.length + duplicated.length + wrong.length === 0 && !badRefusal;
}

function table(report: Report): string {
  const { lost, duplicated, wrong, refused, faults, memory } = report;
  const counts = (given: Record<string, number>) =>
    Object.entries(given)
      .map(([name, n]) => `${name}: ${n}`)
      .join(', ') || 'none';
  const rows: [string, string | number][] = [
    ['seed', report.seed],
    ['submitted', report.submitted],
    ['accepted (202)', report.accepted],
    ['refused', counts(refused)],
    ['no answer', report.unanswered],
    ['of both, arrived', report.unknownArrived],
    ['lost', `${lost.length}${sample(lost)}`],
    ['duplicated', `${duplicated.length}${sample(duplicated)}`],
    ['wrong', `${wrong.length}${sample(wrong)}`],
    ['below a younger row', report.late],
    ['time to drain', `${report.drainSeconds} s`],
    ['faults', counts(faults)],
    [
      'memory, MB',
      memory.map((one) => `runner ${one.runner}, Redis ${one.redis}, instances ${one.instances}`).join(' → '),
    ],
  ];
  return rows.map(([name, value]) => `${name.padEnd(20)} ${value}`).join('\n');
}

function sample(ids: string[]): string {
  return ids.length > 0 ? ` (${ids.slice(0, 5).join(', ')}${ids.length > 5 ? ', …' : ''})` : '';
}

function positive(option: string, text: string): number {
  const number = Number(text);
  if (!(number > 0)) throw new Error(`${option} takes a number above 0, not ${text}\n\n${help}`);
  return number;
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : 'failed');
  process.exitCode = 1;
});
