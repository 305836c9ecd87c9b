import { choice, decimal, email, form, phone, text } from 'formbus';
import type { Browser } from 'playwright-core';
import * as v from 'valibot';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hasBrowser, openBrowser } from '../../testing/browser.ts';
import { bodyOf, formEnv, postJson, startSink, type Sink } from '../../testing/sink.ts';
import { serve, type Served } from '../serve/serve.ts';

const required = false;
/** One of each kind, and plain valibot. */
const optional = {
  nick: text('Nickname', { max: 20, required }),
  about: text('About you', { max: 200, lines: 3, required }),
  mail: email('E-mail', { required }),
  tel: phone('Telephone', { required }),
  height: decimal('Height', { min: 1, max: 3, required }),
  size: choice('Size', { options: { S: 'Small', L: 'Large' }, required }),
  site: v.optional(v.pipe(v.string(), v.url('Enter an address, like https://example.org.')), ''),
  word: v.nullish(v.pipe(v.string(), v.minLength(3)), ''),
  again: v.optional(email('Another e-mail', { confirm: false }), ''),
};
const filled = {
  nick: 'A',
  about: 'one\ntwo',
  mail: 'asha@example.org',
  tel: '030 1234567',
  height: '1.7',
  size: 'L',
  site: 'https://example.org',
  word: 'yes',
  again: 'asha@example.org',
};
const keys = Object.keys(filled);
const empty = Object.fromEntries(keys.map((key) => [key, '']));
const optionalForm = form('optional-form', v.object({ name: text('Name', { max: 10 }), ...optional }));

let sink: Sink;
let served: Served;
beforeAll(async () => {
  sink = await startSink();
  served = await serve(optionalForm, { env: formEnv(sink) });
});
afterAll(async () => {
  await served.close();
  await sink.close();
});
beforeEach(() => {
  sink.events = [];
});

const states: [string, unknown][] = [
  ['absent', undefined],
  ['null', null],
  ['empty', ''],
  ['blank', ' \t '],
  ['without anything to be seen', '\u200b\u00a0\u2060\u3164\u2800'],
];
type Fields = Record<string, unknown>;
const texts = (fields: Fields) =>
  Object.entries(fields).filter((pair): pair is [string, string] => typeof pair[1] === 'string');
const encodings: [string, (fields: Fields) => Promise<Response>][] = [
  ['JSON', (fields) => postJson(served.url, fields)],
  ['urlencoded', (fields) => fetch(served.url, { method: 'POST', body: new URLSearchParams(texts(fields)) })],
  [
    'multipart',
    (fields) => {
      const body = new FormData();
      for (const [key, value] of texts(fields)) body.set(key, value);
      return fetch(served.url, { method: 'POST', body });
    },
  ],
];

describe.each(encodings)('a field that is not required, as %s', (_, send) => {
  it.each(states)('may be %s, whatever its kind, and is kept as an empty text', async (_, value) => {
    for (const key of keys) {
      const answer = await send({ name: 'Asha', ...filled, [key]: value });
      expect(answer.status, key).toBe(202);
      expect(sink.events.pop()?.data, key).toEqual({ name: 'Asha', ...filled, [key]: '' });
    }
  });

  it('is checked when something is in it', async () => {
    const wrong = {
      about: 'x'.repeat(201),
      mail: 'a',
      tel: '1',
      height: '4',
      size: 'M',
      site: 'x',
      word: 'x',
    };
    const answer = await send({ name: 'Asha', ...filled, ...wrong });
    expect(answer.status).toBe(422);
    expect((await bodyOf(answer))['errors']).toEqual(
      Object.keys(wrong).map((path) => ({ path, message: expect.any(String) })),
    );
    expect(sink.events).toEqual([]);
  });
});

it('an optional field of plain valibot is kept as its default when it was left empty, and checks over several fields see it', async () => {
  const plain = form(
    'plain-form',
    v.pipe(
      v.pipe(
        v.object({
          colour: v.optional(v.picklist(['red', 'none']), 'none'),
          mail: email('E-mail', { required }),
          tel: phone('Telephone', { required }),
        }),
        v.check(
          ({ mail, tel }) => mail !== '' || tel !== '',
          'Enter an e-mail address or a telephone number.',
        ),
      ),
      v.title('Plain'),
    ),
  );
  const { url, close } = await serve(plain, { env: formEnv(sink) });
  expect((await postJson(url, { tel: '030 1234567', colour: ' ' })).status).toBe(202);
  expect(sink.events[0]?.data).toEqual({ colour: 'none', mail: '', tel: '030 1234567' });
  expect((await bodyOf(await fetch(`${url}/schema.json`)))['properties']).toMatchObject({
    colour: { anyOf: [{ const: '' }, { enum: ['red', 'none'] }], default: 'none' },
  });
  const answer = await postJson(url, {});
  expect((await bodyOf(answer))['errors']).toEqual([
    { path: '', message: 'Enter an e-mail address or a telephone number.' },
  ]);
  const page = await postJson(url, {}, { accept: 'text/html' });
  expect(await page.text()).toContain('<li>Enter an e-mail address or a telephone number.</li>');
  await close();
});

it('a field may be named like a property of every object', async () => {
  const odd = form('odd-form', v.object({ toString: text('To a string', { max: 10, required }) }));
  const { url, close } = await serve(odd, { env: formEnv(sink) });
  expect((await postJson(url, {})).status).toBe(202);
  expect(sink.events.map(({ data }) => data)).toEqual([{ toString: '' }]);
  await close();
});

it('the JSON Schema says which fields may be left out, and that they may be empty', async () => {
  const schema = await bodyOf(await fetch(`${served.url}/schema.json`));
  expect(schema['required']).toEqual(['name']);
  expect(schema['properties']).toMatchObject({
    mail: { title: 'E-mail', default: '', anyOf: [{ const: '' }, { type: 'string', format: 'email' }] },
    site: { default: '', anyOf: [{ const: '' }, { type: 'string', format: 'uri' }] },
    name: { type: 'string', minLength: 1 },
  });
});

describe.skipIf(!hasBrowser)('a page with optional fields, in Chromium', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());

  it.each(['absent', 'empty', 'blank'])('is sent with all of them %s', async (state) => {
    const page = await browser.newPage();
    await page.goto(served.url);
    await page.fill('#name', 'Asha');
    for (const key of keys) {
      const control = page.locator(`#${key}`);
      if (state === 'absent') await control.evaluate((element) => element.remove());
      else if (state === 'blank' && key !== 'size') await control.fill('  ');
    }
    await page.click('button');
    expect(await page.textContent('h1')).toBe('Thank you');
    expect(sink.events[0]?.data).toEqual({ name: 'Asha', ...empty });
    await page.close();
  });

  it('marks them all, plain and wrapped ones included, and names each that is wrong', async () => {
    const page = await browser.newPage();
    await page.goto(served.url);
    expect(await page.locator('label', { hasText: '(optional)' }).count()).toBe(keys.length);
    expect(await page.locator('[required]').count()).toBe(1);
    expect(await page.getAttribute('#again', 'type')).toBe('email');
    expect(await page.textContent('label[for=again]')).toBe('Another e-mail (optional)');
    await page.fill('#height', '4');
    await page.fill('#site', 'here');
    await page.click('button');
    expect(await page.locator('[role=alert] li').allTextContents()).toEqual([
      'Fill in “Name”.',
      'Height: Enter a number from 1 to 3, like 2.',
      'Site: Enter an address, like https://example.org.',
    ]);
    await page.close();
  });
});
