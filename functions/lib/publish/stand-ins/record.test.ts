import { createRequire } from 'node:module';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { encodeRecord, type EncodedRecord } from './record.ts';

const require = createRequire(import.meta.url);
const kafkajsEncode: (record: EncodedRecord) => {
  buffer: Buffer;
} = require('kafkajs/src/protocol/recordBatch/record/v0');

const text = fc.string({ unit: 'grapheme', maxLength: 300 });
const bytes = fc.oneof(
  text,
  fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array)),
);
const record = fc.record({
  key: fc.option(bytes),
  value: fc.option(bytes),
  headers: fc.dictionary(text, fc.oneof(bytes, fc.array(bytes, { maxLength: 3 })), { maxKeys: 20 }),
  offsetDelta: fc.nat(),
  timestampDelta: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
});

it('encodes records as kafkajs does, byte by byte', () => {
  fc.assert(
    fc.property(record, (one) => {
      expect(encodeRecord(one).buffer.toString('hex')).toBe(kafkajsEncode(one).buffer.toString('hex'));
    }),
    { numRuns: 500 },
  );
});
