import { HTTP } from 'cloudevents';
import * as v from 'valibot';
import { expect, it } from 'vitest';
import { AnyEvent } from './any-event.ts';
import { binaryMessage, submissionEvent, traceparentOf } from './event.ts';
import { isFieldName } from './field-name.ts';
import { Submission } from './submission.ts';

const event = {
  id: '0199-1',
  type: 'form.submitted',
  source: '/forms/demo-form',
  time: '2026-11-23T00:14:26.715Z',
  form: 'demo-form',
  sheet: 'spreadsheet_1-a/demo%20form',
  data: { name: 'Asha', age: 7.5, ok: true, none: null, list: ['a', 1], 'a@b': '' },
};

it('a submission is accepted unchanged, unknown attributes included', () => {
  expect(v.parse(Submission, { ...event, mailto: 'mail', data: {} })).toEqual({
    ...event,
    mailto: 'mail',
    data: {},
  });
  expect(v.parse(Submission, event)).toEqual(event);
});

it.each<Record<string, unknown>>([
  { id: '' },
  { id: 'a\u0007' },
  { id: 7 },
  { id: undefined },
  { type: 7 },
  { source: undefined },
  { time: 'yesterday' },
  { time: 7 },
  { form: 'a\nb' },
  { form: '' },
  { sheet: 'spreadsheet' },
  { sheet: 'spreadsheet/' },
  { sheet: '/tab' },
  { sheet: 'spread sheet/tab' },
  { sheet: ' spreadsheet/tab' },
  { data: 'a text' },
  { data: null },
  { data: { '@id': 'a' } },
  { data: { '': 'a' } },
  { data: { a: { b: 'c' } } },
  { data: { a: [true] } },
  { data: { a: [Number.POSITIVE_INFINITY] } },
  { data: { a: Number.POSITIVE_INFINITY } },
  { data: JSON.parse('{"__proto__": "a"}') },
  { data: { constructor: 'a' } },
  { data: { prototype: 'a' } },
])('a submission with %j is refused', (wrong) => {
  expect(v.safeParse(Submission, { ...event, ...wrong }).success).toBe(false);
});

it('an event of any kind has an id, a type and a source', () => {
  const { id, type, source } = event;
  expect(v.parse(AnyEvent, { id, type, source, data: 7 })).toEqual({ id, type, source, data: 7 });
  for (const missing of ['id', 'type', 'source'])
    expect(v.safeParse(AnyEvent, { id, type, source, [missing]: undefined }).success, missing).toBe(false);
});

it.each(['constructor', 'prototype', '__proto__', '', '1a', '_a', 'a b', 'a.b', 'ä'])(
  '%j cannot be the name of a field',
  (name) => {
    expect(isFieldName(name)).toBe(false);
  },
);

it('a traceparent is passed on if it has the form that W3C specifies, and is dropped otherwise', () => {
  const good = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  expect(traceparentOf(good)).toBe(good);
  for (const bad of [
    `${good}a`,
    `a${good}`,
    good.toUpperCase(),
    good.replace('-', ''),
    '',
    undefined,
    [good],
  ])
    expect(traceparentOf(bad)).toBeUndefined();
});

const facts = {
  type: 'form.submitted' as const,
  id: '0199-1',
  form: 'demo-form',
  receivedAt: new Date(event.time),
  data: { name: 'Asha' },
  dataschema: 'urn:formbus:form:demo-form:1',
  spreadsheetId: 'spreadsheet-1',
  tab: 'Übersicht / 1',
  traceparent: undefined,
};

it("a submission's event survives binary mode, whatever the types and characters of its attributes", () => {
  const made = { ...submissionEvent(facts), count: 7, flagged: true, word: 'naïve\n', none: undefined };
  const { headers, body } = binaryMessage(made);
  expect(headers).toEqual({
    'content-type': 'application/json',
    'ce-specversion': '1.0',
    'ce-id': '0199-1',
    'ce-type': 'form.submitted',
    'ce-source': '/forms/demo-form',
    'ce-time': event.time,
    'ce-dataschema': facts.dataschema,
    'ce-form': 'demo-form',
    'ce-sheet': 'spreadsheet-1/%C3%9Cbersicht%20%2F%201',
    'ce-partitionkey': '0199-1',
    'ce-count': '7',
    'ce-flagged': 'true',
    'ce-word': 'na%C3%AFve%0A',
  });
  expect(body).toBe('{"name":"Asha"}');
  expect(HTTP.toEvent({ headers, body })).toEqual(
    expect.objectContaining({ id: '0199-1', data: facts.data }),
  );
  const { datacontenttype: _, ...bare } = made;
  expect(binaryMessage({ ...bare, data: 'a text', word: '😀\ud800' })).toEqual({
    headers: { ...headers, 'ce-word': '%F0%9F%98%80%EF%BF%BD' },
    body: 'a text',
  });
});
