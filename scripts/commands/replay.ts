import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { command } from '../cli/command.ts';
import { projectRoot } from '../cli/root.ts';
import { clusterHelp, clusterOptions, openCluster } from '../tools/client/kafka-cluster.ts';
import { loadManifests } from '../manifests/manifests.ts';
import type { History, PastEvent } from '../tools/replay/history.ts';
import { openLoggedHistory } from '../tools/replay/log.ts';
import { openProgress } from '../tools/replay/progress.ts';
import { replay } from '../tools/replay/run.ts';
import { openTopicHistory } from '../tools/replay/topic.ts';
import { refuseUnknownForm } from '../tools/client/forms.ts';
import { addressOf, dataFolderOf, placeHelp, placeOptions } from '../tools/client/running.ts';
import { parseTimes } from '../tools/client/time.ts';
import { counted } from '../tools/client/counted.ts';

const help = `Delivers a form's earlier submissions to one task, and to no other.

  npm run replay -- --form F --task T [--from TIME] [--to TIME] [--rate N] [--dry-run]

  --form F      the form
  --task T      the task's Trigger; what its filter does not let pass is left out
  --from TIME   received since then: 2026-01-31T12:00:00Z, or 30m, 12h, 2d ago (default: all that the log has)
  --to TIME     received until then (default: now)
  --rate N      events a second (default 50)
  --dry-run     count them, and do nothing
${placeHelp(14)}${clusterHelp}  --namespace N   the namespace of the tasks (default: formbus)
  --topic NAME    the topic for what the task fails permanently on (default form-dead-letters)

Ctrl-C stops it; the same command continues from there. It refuses a history that reaches further back than the task remembers
ids.
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      form: { type: 'string' },
      task: { type: 'string' },
      from: { type: 'string' },
      to: { type: 'string' },
      rate: { type: 'string', default: '50' },
      'dry-run': { type: 'boolean', default: false },
      ...placeOptions,
      ...clusterOptions,
      namespace: { type: 'string', default: 'formbus' },
      topic: { type: 'string', default: 'form-dead-letters' },
    },
  });
  const { form, task } = values;
  if (form === undefined || task === undefined) throw new Error('say which: --form F --task T; see --help');
  const rate = Number(values.rate);
  if (!Number.isInteger(rate) || rate < 1 || rate > 10_000)
    throw new Error('--rate is a number of events a second, from 1 to 10000');

  const { filter, host, memoryDays } = taskOf(projectRoot(), task, values.namespace);
  const isDryRun = values['dry-run'];
  const { from, to } = parseTimes(values);
  const say = (line: string) => void process.stderr.write(`${line}\n`);
  const common = {
    progress: openProgress(
      join(dataFolderOf(values), `replay-${form}-${task}.json`),
      `${values.from ?? ''} ${values.to ?? ''} ${values.kafka ? 'kafka' : (values.url ?? '')}`,
    ),
    from,
    to,
    rate,
    memoryDays,
    isDryRun,
    say,
  };
  const cluster = values.kafka ? await openCluster(values) : undefined;
  try {
    const give = async <E extends PastEvent>(history: History<E>) => {
      const { delivered } = await replay({ ...common, history });
      if (delivered === 0) refuseUnknownForm(form, history.forms);
      return delivered;
    };
    const delivered = cluster
      ? await give(
          openTopicHistory({ cluster, form, filter, host, from, deadLetterTopic: values.topic, say }),
        )
      : await give(openLoggedHistory({ url: addressOf(values), form, trigger: task }));
    console.log(
      isDryRun
        ? `${counted(delivered, 'event')} would be delivered to ${task}`
        : `${counted(delivered, 'event')} on the way to ${task}`,
    );
  } finally {
    await cluster?.close();
  }
}

/** What the manifests say of a Trigger's task; `memoryDays`: for how long it remembers ids. @throws Error when there is no such Trigger */
function taskOf(root: string, name: string, namespace: string) {
  const { triggers, services } = loadManifests(root);
  const trigger = triggers.find((one) => one.name === name);
  if (!trigger)
    throw new Error(`there is no Trigger ${name}; there are ${triggers.map((one) => one.name).join(', ')}`);
  const { subscriber, filter } = trigger;
  const service =
    'service' in subscriber ? services.find((one) => one.name === subscriber.service) : undefined;
  const days = service?.env.findLast((one) => one.name === 'SEEN_DAYS');
  return {
    filter,
    host:
      'uri' in subscriber
        ? new URL(subscriber.uri).host
        : `${subscriber.service}.${namespace}.svc.cluster.local`,
    memoryDays: days && 'value' in days ? Number(days.value) : undefined,
  };
}

command(help, main);
