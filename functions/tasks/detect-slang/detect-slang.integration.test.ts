import { join } from 'node:path';
import { HTTP } from 'cloudevents';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import * as v from 'valibot';
import { submissionEvent } from '../../lib/event/event.ts';
import { serve, type Served } from '../../lib/serve/serve.ts';
import { startCollector } from '../../testing/collector.ts';
import { startFunction } from '../../testing/process.ts';
import { detectSlang } from './detect-slang.ts';

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const event = submissionEvent({
  type: 'form.submitted',
  id: '0199-1',
  form: 'demo-form',
  receivedAt: new Date(5_000),
  data: { name: 'Asha', message: 'Hello' },
  dataschema: 'urn:formbus:form:demo-form:0',
  spreadsheetId: 'spreadsheet-1',
  tab: 'Übersicht',
  traceparent,
});
const env = { PORT: '0', HOST: '127.0.0.1', LOG_LEVEL: 'silent' };

let served: Served;
beforeAll(async () => {
  served = await serve(detectSlang, { env });
});
afterAll(() => served.close());

async function analyze(data: unknown, { url = served.url, ...attributes }: Record<string, string> = {}) {
  const headers = { 'content-type': 'application/cloudevents+json' };
  const body = JSON.stringify({ ...event, ...attributes, data });
  const answer = await fetch(url, { method: 'POST', headers, body });
  expect(answer.status).toBe(200);
  const text = await answer.text();
  return { headers: Object.fromEntries(answer.headers), text, analysis: v.parse(Analysis, JSON.parse(text)) };
}

const Analysis = v.strictObject({
  submission: v.string(),
  fields: v.array(v.string()),
  terms: v.array(v.string()),
  findings: v.number(),
  excerpts: v.string(),
  list: v.pipe(v.string(), v.hexadecimal(), v.length(8)),
});

it('replies with an event that is flagged, and says what was found, in which fields and in which words', async () => {
  const { headers, analysis } = await analyze({
    name: 'Asha',
    message:
      'I have waited for three hours, you stupid asshole, and nobody came. F u c k this form, said Asha.',
    tags: ['fine', 'sh1t'],
  });
  expect(headers).toMatchObject({
    'content-type': 'application/json',
    'ce-specversion': '1.0',
    'ce-type': 'form.analyzed',
    'ce-source': '/tasks/detect-slang',
    'ce-id': '0199-1/detect-slang',
    'ce-time': '1970-01-01T00:00:05.000Z',
    'ce-form': 'demo-form',
    'ce-sheet': 'spreadsheet-1/%C3%9Cbersicht',
    'ce-partitionkey': '0199-1',
    'ce-traceparent': traceparent,
    'ce-flagged': 'true',
  });
  expect(analysis).toMatchObject({
    submission: '0199-1',
    fields: ['message', 'tags'],
    terms: ['asshole', 'fuck', 'shit'],
    findings: 3,
    excerpts: [
      'message: … d for three hours, you stupid [asshole], and nobody came. F u c k thi …',
      'message: … pid asshole, and nobody came. [F u c k] this form, said Asha.',
      'tags: [sh1t]',
    ].join('\n'),
  });
});

it('replies to a clean submission as well, not flagged and with none of its words', async () => {
  const { headers, text, analysis } = await analyze({
    name: 'Asha Rao',
    age: 10,
    yes: true,
    message: 'From Scunthorpe',
  });
  expect(headers['ce-flagged']).toBe('false');
  expect(analysis).toMatchObject({ fields: [], terms: [], findings: 0, excerpts: '' });
  expect(text).not.toMatch(/Asha|Scunthorpe/);
});

it('replies with the same event when a submission comes again, in whichever order and mode', async () => {
  const { date: _, ...first } = (await analyze({ message: 'shit' })).headers;
  const other = await analyze({ message: 'hello' }, { id: '0199-2' });
  expect(other.headers['ce-id']).toBe('0199-2/detect-slang');
  const { headers, body } = HTTP.binary({ ...event, data: { message: 'shit' } });
  const sent = Object.entries(headers).map(([key, value]): [string, string] => [key, String(value)]);
  const again = await fetch(served.url, { method: 'POST', headers: sent, body: String(body) });
  const { date: __, ...second } = Object.fromEntries(again.headers);
  expect(second).toEqual(first);
});

it('looks for an organisation’s own words and leaves out what it allows; the version of the list changes with both', async () => {
  const own = await serve(detectSlang, {
    env: { ...env, SLANG_WORDS: 'Flubber*, grüner Kram, дурак', SLANG_ALLOWED: 'shit, bitch peak' },
  });
  const at = (message: string) => analyze({ message }, { url: own.url });
  expect((await at('What FLUBBERY nonsense')).analysis.terms).toEqual(['Flubber']);
  expect((await at('so ein GRUNER  KRAM')).analysis.terms).toEqual(['grüner Kram']);
  expect((await at('ты дурак')).analysis.terms).toEqual(['дурак']);
  expect((await at('oh shit, we climbed Bitch Peak')).analysis.findings).toBe(0);
  expect((await at('bitch, we climbed a peak')).analysis.terms).toEqual(['bitch']);
  const versions = [(await at('')).analysis.list, (await analyze({})).analysis.list];
  expect(new Set(versions).size).toBe(2);
  await own.close();
});

it.each(['42', 'x', 'sh1t', '**'])('does not start with %o among the organisation’s words', async (word) => {
  await expect(serve(detectSlang, { env: { ...env, SLANG_WORDS: `fine, ${word}` } })).rejects.toThrow(
    'SLANG_WORDS',
  );
});

it('answers a submission full of hostile characters with few of them', async () => {
  const hostile = `\ud800 \u202e\u0000 fuck\udfff \u{e0041} 😀\u2028[shit]\r\n${'\u200b'.repeat(9_000)}`;
  const { analysis } = await analyze({ [`\u202e"ключ`]: hostile }, { id: 'ü\u{1f600}', form: 'förm' });
  expect(analysis).toMatchObject({ terms: ['fuck', 'shit'], findings: 2 });
  expect(analysis.excerpts).toSatisfy((text: string) => text.isWellFormed());
  expect(analysis.excerpts.split('\n')).toHaveLength(2);
});

it('says little about a text of 100 kB that is slang throughout', async () => {
  const { text, analysis } = await analyze({ message: 'fuck '.repeat(20_000) });
  expect(analysis.findings).toBe(20_000);
  expect(text.length).toBeLessThan(2_000);
});

it('counts what it flags, and logs what it finds by its number and never by its words', async () => {
  const collector = await startCollector();
  onTestFinished(collector.away);
  const main = join(import.meta.dirname, '../../main.ts');
  const started = await startFunction(main, { FUNCTION_TARGET: 'detect-slang', METRICS_URL: collector.url });
  for (const message of ['shit', 'hello']) await analyze({ message }, { url: started.url });
  started.kill('SIGTERM');
  expect(await started.exited).toBe(0);
  expect(collector.total('formbus_flagged_total', 'detect-slang', 'demo-form')).toBe(1);
  const common = { service: 'detect-slang', level: 'info', severity: 'INFO', time: expect.any(String) };
  const said = { ...common, id: '0199-1', form: 'demo-form', msg: 'analyzed' };
  expect(started.logged().slice(1, 3)).toEqual([
    { ...said, flagged: true, findings: 1 },
    { ...said, flagged: false, findings: 0 },
  ]);
});
