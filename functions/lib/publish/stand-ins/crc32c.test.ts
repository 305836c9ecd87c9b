import { createRequire } from 'node:module';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { crc32c } from './crc32c.ts';

const require = createRequire(import.meta.url);
const kafkajsChecksum: (bytes: Buffer) => number = require('kafkajs/src/protocol/recordBatch/crc32C');

it('is the checksum of the standard', () => {
  expect(crc32c(Buffer.from('123456789')).toString(16)).toBe('e3069283');
  expect(crc32c(Buffer.alloc(0))).toBe(0);
});

it('is the checksum of kafkajs for any bytes, at any place in their buffer', () => {
  const bytes = fc.tuple(fc.uint8Array({ maxLength: 5_000, size: 'max' }), fc.nat(9));
  fc.assert(
    fc.property(bytes, ([array, from]) => {
      const part = Buffer.from(array).subarray(from);
      expect(crc32c(part)).toBe(kafkajsChecksum(part));
    }),
    { numRuns: 300 },
  );
});
