import { parseArgs } from 'node:util';
import { command } from '../cli/command.ts';
import { addressOf, placeHelp, placeOptions } from '../tools/client/running.ts';
import { openClusterStores } from '../tools/forget/cluster.ts';
import { openStores } from '../tools/forget/stores.ts';
import { clusterOptions, openCluster } from '../tools/client/kafka-cluster.ts';
import { forget } from '../tools/forget/run.ts';

const help = `Removes one person's submission for good: from the archive, the buffer, the sheets, and whatever other task keeps something of it.

  npm run forget -- --form F --id ID

  --form F    the submission's form
  --id ID     its id, as in the answer to the submission, in the hidden first column of the sheet and in the archive
${placeHelp(12)}  --kafka     on a cluster: the event goes to its Kafka, named by KAFKA_BROKERS as for a form (KAFKA_TLS, KAFKA_CA_FILE, KAFKA_USERNAME,
              KAFKA_PASSWORD), and DATABASE_URL is its archive's

It publishes an event for the tasks, waits until all have processed it, and lists what it cannot reach. A mark with the id, and nothing else, stays in
the archive and in the buffer, so that no late delivery and no replay brings the submission back. It may be run again at any time.
Exit code 1 when something is not removed yet; then run it again.
`;

/** Rows go out of a sheet with a flush, each minute. */
const patienceMs = 180_000;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      form: { type: 'string' },
      id: { type: 'string' },
      ...placeOptions,
      kafka: clusterOptions.kafka,
    },
  });
  const { form, id } = values;
  if (form === undefined || id === undefined) throw new Error('say which: --form F --id ID; see --help');
  const cluster = values.kafka ? await openCluster({ gateway: clusterOptions.gateway.default }) : undefined;
  try {
    const stores = await (cluster ? openClusterStores(cluster) : openStores(addressOf(values)));
    try {
      const { removed, left, unreachable } = await forget({ form, id }, { stores, say, patienceMs });
      for (const line of removed) console.log(line);
      for (const line of left) console.log(`not yet: ${line}`);
      console.log('\nOut of reach:');
      for (const line of unreachable) console.log(`  ${line}`);
      if (left.length > 0) process.exitCode = 1;
    } finally {
      await stores.close();
    }
  } finally {
    await cluster?.close();
  }
}

const say = (line: string) => void process.stderr.write(`${line}\n`);

command(help, main);
