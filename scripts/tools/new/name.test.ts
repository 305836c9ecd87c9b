import { expect, it } from 'vitest';
import { identifierOf } from './name.ts';

const code = "import { form } from '../../lib/form.ts'; const served = 1;";

it.each([
  ['visitor-book', 'visitorBook'],
  ['a', 'a'],
  ['x2', 'x2'],
  ['a-1-b--c', 'a1BC'],
  ['formal', 'formal'],
  ['x'.repeat(46), 'x'.repeat(46)],
])('%s is %s in code', (name, identifier) => {
  expect(identifierOf(name, code)).toBe(identifier);
});

it.each(['', '-a', 'a-', '1a', 'A', 'a_b', 'a.b', 'a b', 'a/b', '../a', 'å', 'a\n', '--help'])(
  '%j cannot be a name',
  (name) => {
    expect(() => identifierOf(name, code)).toThrow(/is no name: small letters/);
  },
);

it('a name that Knative would have to shorten is refused with the reason', () => {
  expect(() => identifierOf('x'.repeat(47), code)).toThrow(
    /has 47 characters, more than 46: Knative makes x+-00001-deployment/,
  );
});

it.each([
  'true',
  'on',
  'y',
  'null',
  'class',
  'new',
  'await',
  'eval',
  'let',
  'undefined',
  'redis',
  'grafana',
  'main',
  'kubernetes',
  'form',
  'served',
])('%s is taken, because it means something else already', (name) => {
  expect(() => identifierOf(name, code)).toThrow(`take another name, such as my-${name}`);
});
