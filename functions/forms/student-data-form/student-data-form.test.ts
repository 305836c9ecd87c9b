import { afterAll, beforeAll, expect, it } from 'vitest';
import { bodyOf, formEnv, postJson, startSink, student, type Sink } from '../../testing/sink.ts';
import { serve, type Served } from '../../lib/serve/serve.ts';
import { studentDataForm } from './student-data-form.ts';

let sink: Sink;
let served: Served;
beforeAll(async () => {
  sink = await startSink();
  served = await serve(studentDataForm, { env: formEnv(sink) });
});
afterAll(async () => {
  await served.close();
  await sink.close();
});

it('takes a student and keeps the fields in their order', async () => {
  expect((await postJson(served.url, student)).status).toBe(202);
  expect(JSON.stringify(sink.events.at(-1)?.data)).toBe(JSON.stringify(student));
});

it.each<Partial<typeof student>>([
  { cgpa: '0' },
  { cgpa: '10' },
  { cgpa: '+9.999' },
  { cgpa: '8,04' },
  { gender: 'N' },
  { age: '0' },
  { age: '150' },
  { age: '٣٠' },
  { email: "o'hara+tag@mail.example.org" },
  { mobile: '1234567' },
  { mobile: '+91 (700) 446-5984' },
  { mobile: '123456789012345' },
  { name: 'Zoë Ñandú 李' },
])('takes %o', async (fields) => {
  expect((await postJson(served.url, { ...student, ...fields })).status).toBe(202);
});

it.each<Record<string, unknown>>([
  { name: '' },
  { name: '   ' },
  { name: 'x'.repeat(101) },
  { roll: ['99999'] },
  { university: null },
  { university: '\u200b\u3164' },
  { cgpa: '10.1' },
  { cgpa: '-1' },
  { cgpa: '-0.01' },
  { cgpa: '8 04' },
  { cgpa: '1e1' },
  { cgpa: 'NaN' },
  { gender: 'f' },
  { gender: 'constructor' },
  { age: '151' },
  { age: '-1' },
  { email: 'asha' },
  { email: 'asha@example.org, other@example.org' },
  { email: 'asha@example.org\r\nBcc: other@example.org' },
  { mobile: '123456' },
  { mobile: '1234567890123456' },
  { mobile: '7004465984 ext 1' },
])('refuses %o and names the field alone', async (fields) => {
  const answer = await postJson(served.url, { ...student, ...fields });
  expect(answer.status).toBe(422);
  expect((await bodyOf(answer))['errors']).toEqual([
    { path: Object.keys(fields)[0], message: expect.stringMatching(/\.$/) },
  ]);
});
