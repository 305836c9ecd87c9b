import { parseArgs } from 'node:util';
import { command } from '../cli/command.ts';
import { addressOf, placeHelp, placeOptions } from '../tools/client/running.ts';
import { parseTime } from '../tools/client/time.ts';
import { choose, type Letter, type Letters } from '../tools/dead-letters/letters.ts';
import { openLoggedLetters } from '../tools/dead-letters/log.ts';
import { openTopicLetters } from '../tools/dead-letters/topic.ts';
import { clusterHelp, clusterOptions, openCluster } from '../tools/client/kafka-cluster.ts';

const help = `Lists the events that tasks failed permanently on, with the reason, and sends them again after the repair.

  npm run dead-letters -- list [choice]           one line each, then how many for the same reason
  npm run dead-letters -- show [choice]           everything that is known, the data included
  npm run dead-letters -- redrive choice|--all    sends them again, each once and to the task that failed only

The choice: ids of letters or events, and
  --form F        of this form
  --task T        of this Trigger or task
  --error CODE    with this HTTP status, such as 400; none for those without an answer
  --since TIME    dead letters since then: 2026-01-31T12:00:00Z, or 30m, 12h, 2d ago

More options
  --redriven      list and show: include those that were sent again
  --all           redrive: all that were not sent again yet
  --dry-run       redrive: print which, and do nothing
  --json          list and show: print JSON
${placeHelp(16)}${clusterHelp}  --topic NAME    the topic of the dead letters (default form-dead-letters)

Exit code 1 when redrive could not send all of them, 2 when it could not start.
`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      form: { type: 'string' },
      task: { type: 'string' },
      error: { type: 'string' },
      since: { type: 'string' },
      redriven: { type: 'boolean', default: false },
      all: { type: 'boolean', default: false },
      'dry-run': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      ...placeOptions,
      ...clusterOptions,
      topic: { type: 'string', default: 'form-dead-letters' },
    },
  });
  const [verb, ...ids] = positionals;
  if (verb === undefined) return void process.stdout.write(help);
  if (!['list', 'show', 'redrive'].includes(verb)) {
    throw new Error(`there is no command ${verb}; there are list, show and redrive`);
  }
  const { form, task } = values;
  const error = values.error === 'none' ? '' : values.error;
  if (error && !/^\d{3}$/.test(error))
    throw new Error(`--error is an HTTP status such as 400, or none; not ${error}`);
  const isChosen = ids.length > 0 || [form, task, error, values.since].some((value) => value !== undefined);
  if (verb === 'redrive' && !isChosen && !values.all)
    throw new Error('say which: ids, --form, --task, --error, --since, or --all');

  const since = values.since === undefined ? undefined : parseTime('--since', values.since);
  const cluster = values.kafka ? await openCluster(values) : undefined;
  try {
    const letters = cluster
      ? openTopicLetters({ cluster, topic: values.topic, since, say: (line) => console.error(line) })
      : openLoggedLetters(addressOf(values));
    const all = await letters.list();
    const unknown = ids.find((id) => choose(all, { ids: [id] }).length === 0);
    if (unknown !== undefined)
      throw new Error(`there is no dead letter ${unknown}; list, with --redriven, has all`);
    const chosen = choose(all, { ids, form, task, error, since });
    if (verb === 'redrive') await redrive(letters, chosen, values['dry-run']);
    else print(chosen, { ...values, whole: verb === 'show', isChosen });
  } finally {
    await cluster?.close();
  }
}

async function redrive(letters: Letters, chosen: Letter[], isDryRun: boolean): Promise<void> {
  const open = chosen.filter(({ redrivenAt }) => redrivenAt === '');
  if (isDryRun) return printList(open);
  const sent = await letters.redrive(open);
  const before = chosen.length > open.length ? `; ${chosen.length - open.length} were before` : '';
  console.log(`sent again: ${sent} of ${open.length}${before}`);
  if (sent === open.length) return;
  // Somebody else may have sent the others meanwhile.
  const ids = new Set(open.map(({ id }) => id));
  const left = (await letters.list()).filter(({ id, redrivenAt }) => ids.has(id) && redrivenAt === '');
  if (left.length === 0) return;
  const tasks = [...new Set(left.map(({ task }) => task))].join(', ');
  console.error(
    `not sent: ${left.length}, for ${tasks}: the task is gone, or does not take them. They are kept; repair it, and run this again.`,
  );
  process.exitCode = 1;
}

function print(
  chosen: Letter[],
  how: { redriven: boolean; json: boolean; whole: boolean; isChosen: boolean },
): void {
  const shown = how.redriven ? chosen : chosen.filter(({ redrivenAt }) => redrivenAt === '');
  if (how.json) console.log(JSON.stringify(shown, null, 2));
  else if (shown.length === 0) console.log(`There are no ${how.isChosen ? 'such ' : ''}dead letters.`);
  else if (how.whole) shown.forEach(printLetter);
  else printList(shown);
}

function printList(letters: Letter[]): void {
  if (letters.length === 0) return console.log('There are no such dead letters.');
  for (const { id, at, task, form, event, code, reason, redrivenAt } of letters)
    console.log(
      [id, at, task, form || '-', event, code || '-', oneLine(reason), redrivenAt && '(sent again)']
        .join('  ')
        .trimEnd(),
    );
  const groups = Map.groupBy(
    letters,
    ({ task, code, reason }) => `${task}  ${code || '-'}  ${oneLine(reason)}`,
  );
  console.log(`\n${letters.length} in all, by task, code and reason:`);
  for (const [group, { length }] of [...groups].toSorted((a, b) => b[1].length - a[1].length))
    console.log(`${String(length).padStart(7)}  ${group}`);
}

function printLetter({ data, reason, ...facts }: Letter): void {
  for (const [name, value] of Object.entries({ ...facts, reason, data }))
    console.log(`${name.padEnd(10)}  ${visible(value)}`);
  console.log('');
}

const oneLine = (text: string) => visible(text).slice(0, 100);

/** Nothing that came from outside may steer the terminal. */
const visible = (text: string) => text.replaceAll(/[\p{Cc}\p{Cf}]+/gu, ' ').trim();

command(help, main);
