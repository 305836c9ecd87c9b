import { parseArgs } from 'node:util';
import { command } from '../cli/command.ts';
import * as v from 'valibot';
import { call } from '../tools/client/call.ts';
import { addressOf, placeOptions } from '../tools/client/running.ts';
import { bodiesFor } from '../tools/load/body.ts';
import { runRate, runUsers } from '../tools/load/drive.ts';
import { textOf } from '../tools/load/print.ts';
import { openTally } from '../tools/load/tally.ts';
import { openVerifier } from '../tools/load/verify.ts';

const help = `Submits to a running form, many times, and prints how long the answers took.

  npm run load -- [URL] [--users N --requests N | --rate N --duration S] [--verify] [--json]

  URL            the form's address (default: student-data-form on this machine); its schema.json decides what is sent
  --users N      so many users arrive at once, each with its own connection … (default 1000)
  --requests N   … and each submits so often, one after the other (default 5)
  --rate N       instead: so many submissions a second, whether or not earlier ones were answered; a submission's time begins
                 when it was due
  --duration S   for so many seconds (default 30)
  --verify       wait until every accepted submission is in its sheet exactly once; needs a Formbus on this machine
  --patience S   after so long without anything new in the sheets, what is missing counts as lost (default 120)
  --json         print the report as JSON
  --data DIR     without a URL: the data folder of the Formbus, as for npm start (default .formbus)
  --help         prints this text

Exit code 1 when nothing was accepted, or when --verify finds a submission that is lost or duplicated; 2 when it could not run.
`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      users: { type: 'string', default: '1000' },
      requests: { type: 'string', default: '5' },
      rate: { type: 'string' },
      duration: { type: 'string', default: '30' },
      verify: { type: 'boolean', default: false },
      patience: { type: 'string', default: '120' },
      json: { type: 'boolean', default: false },
      data: placeOptions.data,
    },
  });
  const [address = `${addressOf(values)}/student-data-form/`] = positionals;
  if (!URL.canParse(address)) throw new Error(`${address} is no address of a form\n\n${help}`);
  const url = new URL(address.replace(/\/?$/, '/'));
  const number = (name: 'users' | 'requests' | 'duration' | 'patience') =>
    positive(`--${name}`, values[name]);
  const [users, requests] = [Math.ceil(number('users')), Math.ceil(number('requests'))];
  const [forMs, patienceMs] = [number('duration') * 1_000, number('patience') * 1_000];
  const rate = values.rate === undefined ? undefined : positive('--rate', values.rate);

  const schema = await call(v.unknown(), url.href, 'schema.json');
  const verifier = values.verify ? await openVerifier({ url: url.origin, say, patienceMs }) : undefined;
  try {
    const tally = openTally({ keepIds: values.verify });
    const target = { url, body: bodiesFor(schema), record: tally.record };
    const telling = setInterval(() => {
      const { requests, accepted } = tally.count();
      say(`${requests} answered, ${accepted} of them accepted`);
    }, 2_000);
    const begin = performance.now();
    await (
      rate === undefined ? runUsers({ ...target, users, requests }) : runRate({ ...target, rate, forMs })
    ).finally(() => clearInterval(telling));
    const report = tally.report((performance.now() - begin) / 1_000);
    const verified = await verifier?.wait(tally.ids);
    console.log(values.json ? JSON.stringify({ ...report, verified }, null, 2) : textOf(report, verified));
    if (report.accepted === 0) {
      console.error('nothing was accepted; see the errors above');
      process.exitCode = 1;
    }
    if (verified && verified.lost.length + verified.duplicated.length > 0) process.exitCode = 1;
  } finally {
    verifier?.close();
  }
}

const say = (line: string) => void process.stderr.write(`${line}\n`);

function positive(option: string, text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value)))
    throw new Error(`${option} takes a number above 0, not ${text}`);
  return value;
}

command(help, main);
