import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { containsAny } from './contains-any.ts';

it('finds what a look for each of them finds, from the first text on', () => {
  const text = (maxLength: number) =>
    fc.string({ unit: fc.constantFrom('a', 'b', 'c', ' ', 'é', 'д'), minLength: 1, maxLength });
  fc.assert(
    fc.property(fc.array(text(4), { minLength: 1, maxLength: 20 }), text(60), (parts, whole) => {
      const found = containsAny(parts);
      const all = Array.from({ length: 25 }, () => found(whole));
      expect(new Set(all)).toEqual(new Set([parts.some((part) => whole.includes(part))]));
    }),
    { numRuns: 1_000 },
  );
});
