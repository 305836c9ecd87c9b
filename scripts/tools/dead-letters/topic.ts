import type { Cluster } from '../client/kafka-cluster.ts';
import { readTopic } from '../client/read-topic.ts';
import type { CloudEvent } from '../../events/cloud-event.ts';
import { eventOf, type ConsumedRecord } from '../../events/kafka-record.ts';
import { describeFailure } from '../../events/delivery-outcome.ts';
import type { Letter, Letters } from './letters.ts';

export interface TopicLettersOptions {
  cluster: Cluster;
  topic: string;
  /** Milliseconds since 1970; earlier letters are not read. */
  since: number | undefined;
  /** Called for each letter that could not be sent again. */
  say: (line: string) => void;
}

/** The type of the record that marks the letter in its `subject` as sent again: the topic remembers it for every operator. */
const redrivenType = 'dev.formbus.redriven';

/** The dead letters of a cluster, in their Kafka topic. A letter's id is its place there, `<partition>-<offset>`. */
export function openTopicLetters({ cluster, topic, since, say }: TopicLettersOptions): Letters {
  const events = new Map<string, CloudEvent>();

  async function sendAgain({ id, task }: Letter): Promise<boolean> {
    const event = events.get(id);
    if (!event) throw new Error(`letter ${id} was not read`);
    const { knativeerrordest, knativeerrorcode: _, knativeerrordata: __, ...attributes } = event.attributes;
    // Tells the task that a person wants it tried again, and by which redrive.
    const redriven = `${id}/${new Date().toISOString()}`;
    const again = { ...event, attributes: { ...attributes, redriven } };
    if (isBroker(knativeerrordest)) await cluster.write(cluster.formsTopic, again);
    else {
      const outcome = await cluster.handOver(new URL(knativeerrordest ?? '').host, again);
      if (outcome.kind !== 'done') {
        say(`${id}: ${task} failed on it again: ${describeFailure(outcome.failure)}`);
        return false;
      }
    }
    await cluster.write(topic, markOf(id));
    return true;
  }

  return {
    async list() {
      const letters: Letter[] = [];
      const redrivenAt = new Map<string, string>();
      for await (const record of readTopic({ client: cluster.client, topic, since })) {
        const event = eventOf(record, topic);
        const { type, subject = '', time = '' } = event.attributes;
        if (type === redrivenType) redrivenAt.set(subject, time);
        else {
          const letter = letterOf(record, event);
          letters.push(letter);
          events.set(letter.id, event);
        }
      }
      return letters.map((letter) => ({ ...letter, redrivenAt: redrivenAt.get(letter.id) ?? '' }));
    },
    async redrive(letters) {
      let count = 0;
      for (const letter of letters) count += Number(await sendAgain(letter));
      return count;
    },
  };
}

function letterOf(
  { partition, offset, timestamp }: ConsumedRecord,
  { attributes, data }: CloudEvent,
): Letter {
  return {
    id: `${partition}-${offset}`,
    at: new Date(Number(timestamp)).toISOString(),
    redrivenAt: '',
    task: hostOf(attributes['knativeerrordest']).split('.')[0] ?? '',
    event: attributes['id'] ?? '',
    type: attributes['type'] ?? '',
    form: attributes['form'] ?? '',
    code: attributes['knativeerrorcode'] ?? '',
    reason: Buffer.from(attributes['knativeerrordata'] ?? '', 'base64').toString(),
    data: data.toString(),
  };
}

/** With an id that follows from the letter's, so that two marks count as one. */
function markOf(id: string): CloudEvent {
  const attributes = {
    specversion: '1.0',
    id: `${id}/redriven`,
    type: redrivenType,
    source: '/dead-letters',
    subject: id,
    time: new Date().toISOString(),
  };
  return { attributes, data: Buffer.alloc(0) };
}

/** What the KafkaSource could not deliver to the Broker starts from the forms' topic again. */
function isBroker(destination: string | undefined): boolean {
  return hostOf(destination).startsWith('kafka-broker-ingress.');
}

function hostOf(destination = ''): string {
  return URL.canParse(destination) ? new URL(destination).host : '';
}
