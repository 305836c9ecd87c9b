import { describe, expect, test } from 'vitest';
import { applyMask, asksFor, maskPaths, parseMask } from './fields.ts';

const shape = { a: { b: {}, c: { d: {}, e: {} } }, f: {} };
const value = { a: [{ b: 1, c: { d: 2, e: 3 } }, { b: 4 }], f: 5 };

describe('parseMask', () => {
  test.each([
    ['f', { f: 5 }],
    ['a.b', { a: [{ b: 1 }, { b: 4 }] }],
    ['a/c/d,f', { a: [{ c: { d: 2 } }, {}], f: 5 }],
    ['a(b,c(e)),f', { a: [{ b: 1, c: { e: 3 } }, { b: 4 }], f: 5 }],
    ['a.c.d,a.c.e', { a: [{ c: { d: 2, e: 3 } }, {}] }],
    ['a.b,a', { a: value.a }],
    ['a,a.b', { a: value.a }],
    ['a.*', { a: value.a }],
    ['*', value],
  ])('%s keeps what it names', (mask, expected) => {
    expect(applyMask(value, parseMask(mask, shape))).toEqual(expected);
  });

  test.each(['', 'a(', 'a(b', 'a)', ',', 'a,', 'a..b', '(a)', 'a(b)c', 'a()', 'a.'])('refuses %j', (mask) => {
    expect(() => parseMask(mask, shape)).toThrow('Request contains an invalid argument.');
  });

  test.each([
    ['x', 'x'],
    ['a.x', 'a.x'],
    ['a(b,c(x))', 'a.c.x'],
    ['a, f', ' f'],
    ['a.toString', 'a.toString'],
  ])('refuses %j and says which path is not there', (mask, path) => {
    expect(() => parseMask(mask, shape)).toThrow(
      expect.objectContaining({
        code: 400,
        details: [
          expect.objectContaining({
            fieldViolations: [
              {
                field: mask,
                description: `Error expanding 'fields' parameter. Cannot find matching fields for path '${path}'.`,
              },
            ],
          }),
        ],
      }),
    );
  });
});

test('asksFor sees a field by itself, by what is above it and by what is below it', () => {
  const mask = parseMask('a.c.d', shape);
  expect(asksFor(mask, 'a')).toBe(true);
  expect(asksFor(mask, 'a', 'c', 'd')).toBe(true);
  expect(asksFor(mask, 'a', 'b')).toBe(false);
  expect(asksFor(parseMask('a', shape), 'a', 'b')).toBe(true);
});

test('maskPaths expands a message to its fields', () => {
  expect([...maskPaths(parseMask('a.c,f', shape), shape)]).toEqual(['a.c.d', 'a.c.e', 'f']);
});
