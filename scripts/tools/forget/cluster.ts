import * as v from 'valibot';
import { connectArchive } from '../client/database.ts';
import type { Cluster } from '../client/kafka-cluster.ts';
import { archivedIn, type Stores } from './stores.ts';

/** An event's own attributes are all texts. */
const Attributes = v.record(v.string(), v.string());

/**
 * The stores of a cluster, as far as they can be reached from here: the event reaches the tasks through the forms' topic, and the archive
 * shows when it has done its part.
 * @throws Error when DATABASE_URL is missing, or its database cannot be reached
 */
export async function openClusterStores({ write, formsTopic }: Cluster): Promise<Stores> {
  if (!process.env['DATABASE_URL'])
    throw new Error("DATABASE_URL is missing; set it to the address of the cluster's archive");
  const archive = await connectArchive('');
  return {
    archived: (id) => archivedIn(archive, id),
    logged: async () => ({ submission: undefined, received: undefined, end: 0 }),
    publish: ({ data, ...attributes }) =>
      write(formsTopic, {
        attributes: v.parse(Attributes, JSON.parse(JSON.stringify(attributes))),
        data: Buffer.from(JSON.stringify(data)),
      }),
    async told(id) {
      const isDone = (await archivedIn(archive, id))?.isForgotten === true;
      return isDone
        ? { done: ['archive'], waiting: [], dead: [] }
        : { done: [], waiting: ['archive'], dead: [] };
    },
    isErasing: async () => false,
    flush: async () => {},
    unreachable: async (id) => [
      `the other tasks cannot be asked from here: each does it when the event reaches it, and the sheet follows with the next flush;`,
      `  npm run dead-letters -- list ${id}/forgotten --kafka shows whether one failed`,
      'Kafka: what its topics have of it, until their retention ends; dead letters: see npm run dead-letters -- list --kafka',
      "backups, Google's version history, sent mails",
      'the count of mails to its sender, kept for two days under a hash of the address',
      'the write-ahead logs of Redis and PostgreSQL, until they rewrite them',
    ],
    close: () => archive.close(),
  };
}
