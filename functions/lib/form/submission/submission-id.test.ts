import { expect, it } from 'vitest';
import { keyedId, newId } from './submission-id.ts';

it('new ids are UUIDs of version 7 that hold their time, sort by it, and are all different', () => {
  const ids = Array.from({ length: 2_000 }, (_, n) => newId(1_700_000_000_000 + n));
  expect(new Set(ids.map((id) => id.slice(15))).size).toBe(ids.length);
  expect(ids.toSorted()).toEqual(ids);
  for (const [n, id] of ids.entries()) {
    expect(id).toMatch(/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
    expect(Number.parseInt(id.replace('-', '').slice(0, 12), 16)).toBe(1_700_000_000_000 + n);
  }
});

it('a keyed id depends on the secret, the form, the key and the fields in any order, and reveals nothing of them', () => {
  const id = keyedId('secret', 'form', 'key', { a: '1', b: '2', c: '3' });
  // Pinned: an id must not change between two versions, because a submission may be sent again in between.
  expect(id).toBe('5579ba55-a233-83cf-a584-1866c795ad6a');
  expect(keyedId('secret', 'form', 'key', { c: '3', a: '1', b: '2' })).toBe(id);
  const others = [
    keyedId('Secret', 'form', 'key', { a: '1', b: '2', c: '3' }),
    keyedId('secret', 'Form', 'key', { a: '1', b: '2', c: '3' }),
    keyedId('secret', 'form', 'Key', { a: '1', b: '2', c: '3' }),
    keyedId('secret', 'form', 'key', { a: '2', b: '1', c: '3' }),
    keyedId('secret', 'form', 'key', { a: '1', b: '2' }),
  ];
  expect(new Set([id, ...others]).size).toBe(6);
  for (const one of [id, ...others])
    expect(one).toMatch(/^[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
});
