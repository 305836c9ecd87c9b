import { createRequire } from 'node:module';
import { CloudEvent, Kafka } from 'cloudevents';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { submissionEvent } from '../event/event.ts';
import { encodeRecord, type EncodedRecord } from './stand-ins/record.ts';
import { eventRecord } from './kafka-record.ts';

const require = createRequire(import.meta.url);
const kafkajsEncode: (record: EncodedRecord) => {
  buffer: Buffer;
} = require('kafkajs/src/protocol/recordBatch/record/v0');

const text = (maxLength: number) =>
  fc.oneof(
    fc.string({ maxLength }),
    fc.string({ unit: 'grapheme', maxLength }),
    fc.constantFrom('', 'é'.repeat(maxLength), 'x'.repeat(20_000), '😀'.repeat(5_000)),
  );
const word = fc.stringMatching(/^[\w-]{1,40}$/);
const facts = fc.record({
  type: fc.constantFrom('form.submitted' as const, 'form.suspected' as const),
  id: fc.uuid(),
  form: word,
  receivedAt: fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('2100-01-01') }),
  data: fc.dictionary(fc.stringMatching(/^[A-Za-z]\w{0,20}$/), text(100), { maxKeys: 12 }),
  dataschema: word.map((name) => `urn:formbus:form:${name}`),
  spreadsheetId: word,
  tab: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 100 }).filter((tab) => tab.isWellFormed()),
  traceparent: fc.option(fc.constant(`00-${'0'.repeat(32)}-${'1'.repeat(16)}-01`), { nil: undefined }),
  mail: fc.option(fc.record({ mailto: fc.constantFrom('email', 'é', '学生') }), { nil: undefined }),
});

it('has the bytes of the SDK’s message, encoded by kafkajs, but for the attribute that content-type repeats', () => {
  fc.assert(
    fc.property(facts, fc.nat(500), ({ mail, ...given }, offsetDelta) => {
      const event = submissionEvent({ ...given, ...(mail && { mail }) });
      const { key, value, headers } = Kafka.binary(new CloudEvent(event));
      // The SDK has them in an order of its own, and as many as a CloudEvent could have.
      const names = Object.keys(event).filter((name) => name !== 'data' && name !== 'datacontenttype');
      const inOrder = ['content-type', ...names.map((name) => `ce_${name}`)];
      const sdk = {
        key: String(key),
        value: JSON.stringify(value),
        headers: Object.fromEntries(inOrder.map((name) => [name, String(headers[name])])),
      };
      const others = Object.keys(headers).filter(
        (name) => headers[name] !== undefined && !inOrder.includes(name),
      );
      expect(others).toEqual(['ce_datacontenttype']);
      const ours = encodeRecord({ ...eventRecord(event), offsetDelta });
      expect(ours.buffer.toString('hex')).toBe(kafkajsEncode({ ...sdk, offsetDelta }).buffer.toString('hex'));
    }),
    { numRuns: 300 },
  );
});
