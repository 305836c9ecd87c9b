import { expect, it } from 'vitest';
import { binaryMessage, submissionEvent } from './event.ts';
import { replyTo } from './reply.ts';

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const submission = submissionEvent({
  type: 'form.submitted',
  id: '0199-1',
  form: 'demo-form',
  receivedAt: new Date(5_000),
  data: { name: 'Asha' },
  dataschema: 'urn:formbus:form:demo-form:0',
  spreadsheetId: 'spreadsheet-1',
  tab: 'Übersicht',
  traceparent,
});
const given = {
  ...submission,
  form: 'demo-form',
  sheet: 'spreadsheet-1/%C3%9C',
  time: submission.time ?? '',
};

function reply(attributes: Record<string, unknown> = {}) {
  const input = { ...given, ...attributes, data: {} };
  return replyTo(input, {
    task: 'score',
    type: 'form.scored',
    data: { score: 1 },
    extensions: { high: false },
  });
}

it('depends on the submission alone, so that a redelivery yields the same event', () => {
  expect(binaryMessage(reply())).toEqual({
    headers: {
      'content-type': 'application/json',
      'ce-specversion': '1.0',
      'ce-id': '0199-1/score',
      'ce-type': 'form.scored',
      'ce-source': '/tasks/score',
      'ce-time': '1970-01-01T00:00:05.000Z',
      'ce-form': 'demo-form',
      'ce-sheet': 'spreadsheet-1/%C3%9C',
      'ce-partitionkey': '0199-1',
      'ce-traceparent': traceparent,
      'ce-high': 'false',
    },
    body: '{"score":1}',
  });
  expect(binaryMessage(reply())).toEqual(binaryMessage(reply()));
});

it('has no traceparent when the submission has none, or a malformed one', () => {
  expect(reply({ traceparent: undefined })).not.toHaveProperty('traceparent');
  expect(reply({ traceparent: 'forged\n' })).not.toHaveProperty('traceparent');
});

it('percent-encodes what no header can hold', () => {
  const { headers } = binaryMessage(reply({ id: 'ü😀\ud800' }));
  expect(headers['ce-id']).toBe('%C3%BC%F0%9F%98%80%EF%BF%BD/score');
});
