import { array, assert, constantFrom, dictionary, letrec, oneof, property, record, string } from 'fast-check';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { AttributesFilterSchema, type Filter, FilterSchema, matches } from './trigger-filter.ts';

const event = { type: 'form.submitted', source: '/forms/demo-form', form: 'demo-form' };

describe('filters of a Trigger', () => {
  it.each<[string, object, boolean]>([
    ['exact, equal', { exact: { type: 'form.submitted' } }, true],
    ['exact, different case', { exact: { type: 'Form.submitted' } }, false],
    ['exact, only the beginning', { exact: { type: 'form' } }, false],
    ['exact, attribute absent', { exact: { flagged: 'true' } }, false],
    ['exact, both equal', { exact: { type: 'form.submitted', form: 'demo-form' } }, true],
    ['exact, one of two equal', { exact: { type: 'form.submitted', form: 'other' } }, false],
    ['prefix', { prefix: { type: 'form.' } }, true],
    ['prefix, not at the beginning', { prefix: { type: 'submitted' } }, false],
    ['prefix, attribute absent', { prefix: { flagged: 't' } }, false],
    ['prefix, one of two', { prefix: { type: 'form.', source: '/tasks' } }, false],
    ['suffix', { suffix: { source: 'demo-form' } }, true],
    ['suffix, not at the end', { suffix: { source: '/forms' } }, false],
    ['all, all true', { all: [{ exact: { form: 'demo-form' } }, { prefix: { type: 'form' } }] }, true],
    ['all, one false', { all: [{ exact: { form: 'demo-form' } }, { prefix: { type: 'x' } }] }, false],
    ['any, one true', { any: [{ exact: { form: 'x' } }, { suffix: { type: 'submitted' } }] }, true],
    ['any, none true', { any: [{ exact: { form: 'x' } }, { suffix: { type: 'x' } }] }, false],
    ['not', { not: { exact: { form: 'x' } } }, true],
    ['not, of an absent attribute', { not: { exact: { flagged: 'true' } } }, true],
    ['not of any of all', { not: { any: [{ all: [{ exact: { form: 'demo-form' } }] }] } }, false],
  ])('%s', (_, filter, expected) => {
    expect(matches(v.parse(FilterSchema, filter), event)).toBe(expected);
  });

  it.each<[string, Record<string, string>, boolean]>([
    ['no attributes pass everything', {}, true],
    ['equal', { type: 'form.submitted', form: 'demo-form' }, true],
    ['one different', { type: 'form.submitted', form: 'x' }, false],
    ['empty value, attribute absent', { flagged: '' }, true],
    ['empty value beside one that is different', { flagged: '', form: 'x' }, false],
  ])('filter.attributes: %s', (_, attributes, expected) => {
    expect(matches(v.parse(AttributesFilterSchema, { attributes }), event)).toBe(expected);
  });

  it.each<[string, unknown, string]>([
    ['CESQL', { cesql: "type = 'x'" }, 'CESQL is not supported here'],
    ['two dialects in one entry', { exact: { type: 'a' }, prefix: { type: 'b' } }, 'exactly one of'],
    ['an empty entry', {}, 'exactly one of'],
    ['an unknown dialect', { regex: { type: 'a' } }, 'regex'],
    ['a map without attributes', { exact: {} }, 'at least one attribute'],
    ['an empty value', { prefix: { type: '' } }, 'must not be empty'],
    ['an empty list', { all: [] }, 'must not be empty'],
    ['a name in capitals', { exact: { Type: 'a' } }, 'lower-case'],
    ['CESQL deep inside', { any: [{ not: { cesql: 'TRUE' } }] }, 'CESQL is not supported here'],
  ])('refuses %s', (_, filter, message) => {
    expect(() => v.parse(FilterSchema, filter)).toThrow(message);
  });
});

it('takes no property that every object has for an attribute', () => {
  expect(matches({ kind: 'prefix', attribute: 'constructor', value: '' }, event)).toBe(false);
});

const name = constantFrom('type', 'form', 'flagged');
const value = string({ maxLength: 3 });
const leaf = record({ kind: constantFrom('exact', 'prefix', 'suffix'), attribute: name, value });
const anyFilter = letrec<{ filter: Filter }>((tie) => {
  const filters = array(tie('filter'), { maxLength: 3 });
  return {
    filter: oneof(
      { maxDepth: 5 },
      leaf,
      tie('filter').map((filter): Filter => ({ kind: 'not', filter })),
      filters.map((inner): Filter => ({ kind: 'all', filters: inner })),
      filters.map((inner): Filter => ({ kind: 'any', filters: inner })),
    ),
  };
}).filter;
const attributes = dictionary(name, value);

describe('for every filter and event', () => {
  it('twice not is the filter itself', () => {
    assert(
      property(anyFilter, attributes, (filter, given) => {
        const twice: Filter = { kind: 'not', filter: { kind: 'not', filter } };
        expect(matches(twice, given)).toBe(matches(filter, given));
      }),
    );
  });

  it('not all is any not', () => {
    assert(
      property(array(anyFilter, { maxLength: 4 }), attributes, (filters, given) => {
        const notAll: Filter = { kind: 'not', filter: { kind: 'all', filters } };
        const anyNot: Filter = { kind: 'any', filters: filters.map((filter) => ({ kind: 'not', filter })) };
        expect(matches(notAll, given)).toBe(matches(anyNot, given));
      }),
    );
  });
});
