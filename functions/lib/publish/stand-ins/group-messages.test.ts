import { createRequire } from 'node:module';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { groupMessages } from './group-messages.ts';

const require = createRequire(import.meta.url);
const kafkajsGroups: typeof groupMessages = require('kafkajs/src/producer/groupMessagesPerPartition');

it('groups messages as kafkajs does', () => {
  const messages = fc.array(fc.record({ partition: fc.nat(5) }));
  fc.assert(
    fc.property(messages, fc.array(fc.nat(), { maxLength: 1 }), (messages, partitionMetadata) => {
      const asked: unknown[] = [];
      const grouping = {
        topic: 'any',
        partitionMetadata,
        messages,
        partitioner: (question: { message: { partition: number } }) => {
          asked.push(question);
          return question.message.partition;
        },
      };
      const groups = groupMessages(grouping);
      const ownQuestions = asked.splice(0);
      expect(groups).toEqual(kafkajsGroups(grouping));
      expect(ownQuestions).toEqual(asked);
    }),
  );
});
