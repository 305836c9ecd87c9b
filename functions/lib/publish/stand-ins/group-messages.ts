interface Grouping<Message> {
  topic: string;
  partitionMetadata: unknown[];
  messages: Message[];
  partitioner: (asked: { topic: string; partitionMetadata: unknown[]; message: Message }) => number;
}

/**
 * Replaces kafkajs's assignment of messages to partitions in the bundle. kafkajs copies the messages of a partition for each one that it
 * adds: a megabyte for a batch of 500.
 */
export function groupMessages<Message>({
  topic,
  partitionMetadata,
  messages,
  partitioner,
}: Grouping<Message>) {
  const groups: Record<number, Message[]> = {};
  if (partitionMetadata.length === 0) return groups;
  for (const message of messages) {
    (groups[partitioner({ topic, partitionMetadata, message })] ??= []).push(message);
  }
  return groups;
}
