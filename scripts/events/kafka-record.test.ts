import { describe, expect, test } from 'vitest';
import { type ConsumedRecord, eventOf, recordOf } from './kafka-record.ts';

const consumed = (record: Partial<ConsumedRecord>): ConsumedRecord => ({
  topic: 'orders',
  partition: 3,
  offset: '42',
  timestamp: String(Date.UTC(2026, 0, 2, 3, 4, 5, 120)),
  key: null,
  value: null,
  ...record,
});
const headers = (all: Record<string, string>) =>
  Object.fromEntries(Object.entries(all).map(([name, value]) => [name, Buffer.from(value)]));
const event = {
  attributes: {
    specversion: '1.0',
    id: 'a',
    source: '/s',
    type: 't',
    datacontenttype: 'application/json',
    partitionkey: 'a',
    name: 'Zoë',
  },
  data: Buffer.from('{"n":1}'),
};

describe('a record that is a CloudEvent', () => {
  test.each(['binary', 'structured'] as const)('comes back from a KafkaSink in %s mode as it was', (mode) => {
    const { key, value, headers: sent } = recordOf(event, mode);
    const read = consumed({
      key: Buffer.from(key ?? ''),
      value: Buffer.from(value ?? ''),
      headers: headers(sent),
    });
    expect(eventOf(read, 'orders')).toEqual(event);
    expect(key).toBe('a');
  });

  test('keeps its JSON to the letter in structured mode', () => {
    const { value } = recordOf({ ...event, data: Buffer.from('{"n": 12345678901234567890}') }, 'structured');
    expect(String(value)).toContain('"data":{"n": 12345678901234567890}');
  });

  test('in binary mode has its attributes in headers and its data as the value', () => {
    expect(recordOf(event, 'binary')).toEqual({
      key: 'a',
      value: event.data,
      headers: {
        ce_specversion: '1.0',
        ce_id: 'a',
        ce_source: '/s',
        ce_type: 't',
        ce_partitionkey: 'a',
        ce_name: 'Zoë',
        'content-type': 'application/json',
      },
    });
  });

  test.each([
    ['text', 'text/plain', Buffer.from('"hi"')],
    ['bytes', 'application/octet-stream', Buffer.from([0, 255])],
    ['what only says it is JSON', 'application/json', Buffer.from('{')],
    ['nothing', 'application/json', Buffer.alloc(0)],
  ])('keeps %s in structured mode', (_, datacontenttype, data) => {
    const given = { attributes: { ...event.attributes, datacontenttype }, data };
    const { value, headers: sent } = recordOf(given, 'structured');
    const read = consumed({ value: Buffer.from(value ?? ''), headers: headers(sent) });
    expect(eventOf(read, 'orders')).toEqual(given);
  });
});

describe('a record that is not a CloudEvent', () => {
  test('is wrapped as by Knative: place, key, headers and data are kept', () => {
    const record = consumed({
      key: Buffer.from('k1'),
      value: Buffer.from('plain'),
      headers: headers({ 'Content-Type': 'Text/Plain', 'X-Trace_Id': 'T1' }),
    });
    expect(eventOf(record, 'form-submissions')).toEqual({
      attributes: {
        specversion: '1.0',
        type: 'dev.knative.kafka.event',
        id: 'partition:3/offset:42',
        source: '/apis/v1/namespaces/formbus/kafkasources/form-submissions#orders',
        subject: 'partition:3#42',
        time: '2026-01-02T03:04:05.12Z',
        partitionkey: 'k1',
        key: 'k1',
        datacontenttype: 'text/plain',
        kafkaheaderxtraceid: 'T1',
      },
      data: Buffer.from('plain'),
    });
  });

  test.each([
    ['neither key, value nor headers', {}],
    [
      'binary mode without an id',
      { headers: headers({ ce_specversion: '1.0', ce_type: 't', ce_source: '/s' }) },
    ],
    [
      'headers of other case',
      { headers: headers({ CE_SPECVERSION: '1.0', CE_ID: '1', CE_TYPE: 't', CE_SOURCE: '/s' }) },
    ],
    ['an empty header', { headers: headers({ empty: '' }) }],
    [
      'broken structured mode',
      { value: Buffer.from('{'), headers: headers({ 'content-type': 'application/cloudevents+json' }) },
    ],
  ])('is wrapped with %s, and is then no event of structured mode', (_, record) => {
    const { attributes } = eventOf(consumed(record), 'orders');
    expect(attributes).toMatchObject({ type: 'dev.knative.kafka.event', id: 'partition:3/offset:42' });
    expect(attributes['datacontenttype'] ?? '').not.toMatch(/^application\/cloudevents/);
    expect(attributes).not.toHaveProperty('key');
  });
});
