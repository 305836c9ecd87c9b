import { readFile } from 'node:fs/promises';
import { choice, decimal, email, form, phone, text } from 'formbus';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import * as v from 'valibot';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { studentDataForm } from '../../../forms/student-data-form/student-data-form.ts';
import { hasBrowser, openBrowser } from '../../../testing/browser.ts';
import { formEnv, startSink, student, type Sink } from '../../../testing/sink.ts';
import { serve, type Served } from '../../serve/serve.ts';

const nasty = `<b>"&'</b>`;

describe.skipIf(!hasBrowser)('the page of a form, in Chromium', () => {
  const small = { width: 360, height: 740 };
  let sink: Sink;
  let served: Served;
  let browser: Browser;
  let context: BrowserContext | undefined;

  beforeAll(async () => {
    sink = await startSink();
    served = await serve(studentDataForm, { env: formEnv(sink) });
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await served.close();
    await sink.close();
  });
  afterEach(async () => {
    await context?.close();
    sink.events = [];
    sink.answer = undefined;
  });

  async function visit(options: BrowserContextOptions = {}): Promise<Page> {
    context = await browser.newContext(options);
    const page = await context.newPage();
    await page.goto(served.url);
    return page;
  }

  async function fill(page: Page, fields: Partial<typeof student>) {
    const { gender, ...texts } = fields;
    for (const [key, value] of Object.entries(texts)) await page.fill(`#${key}`, value);
    if (gender) await page.selectOption('#gender', gender);
  }

  it('works without JavaScript and cookies, from filling it in to the thank-you page', async () => {
    const page = await visit({ javaScriptEnabled: false, viewport: small });
    await fill(page, student);
    await page.click('button');
    expect(page.url()).toContain('/thanks?id=');
    expect(await page.textContent('h1')).toBe('Thank you');
    expect(sink.events).toEqual([expect.objectContaining({ type: 'form.submitted', data: student })]);
    expect(await context?.cookies()).toEqual([]);
  });

  it('shows what is wrong next to its field and keeps what was typed', async () => {
    const page = await visit({ javaScriptEnabled: false });
    await fill(page, { ...student, email: 'asha', cgpa: '11', name: '<b>"Asha"</b>' });
    await page.click('button');
    expect(await page.title()).toBe('Error: Student data');
    expect(await page.textContent('#email-error')).toContain('Enter an e-mail address');
    expect(await page.textContent('#cgpa-error')).toContain('Enter a number from 0 to 10');
    expect(await page.getAttribute('#email', 'aria-invalid')).toBe('true');
    expect(await page.getAttribute('#email', 'aria-describedby')).toBe('email-error');
    expect(await page.getAttribute('#cgpa', 'aria-describedby')).toBe('cgpa-hint cgpa-error');
    expect(await page.inputValue('#name')).toBe('<b>"Asha"</b>');
    expect(await page.inputValue('#gender')).toBe('F');
    expect(await page.locator('[role=alert] a').allTextContents()).toHaveLength(2);
    expect(sink.events).toEqual([]);
  });

  it('shows what was typed as text in every kind of field, and the token, too', async () => {
    const kinds = form(
      'kinds-form',
      v.pipe(
        v.object({
          line: text(`${nasty} line`, { max: 5, description: `${nasty} hint`, autocomplete: nasty }),
          lines: text('Lines', { max: 5, lines: 4 }),
          mail: email('E-mail'),
          tel: phone('Telephone'),
          number: decimal('Number', { min: 0, max: 1 }),
          one: choice('One', { options: { [nasty]: nasty, b: 'B' } }),
          none: choice('None', { options: { a: 'A' }, required: false }),
        }),
        v.title(`${nasty} title`),
        v.description(`${nasty} description`),
      ),
    );
    const { url, close } = await serve(kinds, { env: formEnv(sink) });
    const page = await browser.newPage();
    await page.goto(url);
    const typed = `\n${nasty}\n`;
    await page.evaluate(
      ([value, keys]) => {
        document.querySelector('[type=email]')?.setAttribute('type', 'text');
        for (const key of keys) {
          const control = document.querySelector<HTMLInputElement>(`[name=${key}]`);
          if (control) control.value = value;
        }
      },
      [typed, ['line', 'lines', 'mail', 'tel', 'number', '_token']] as const,
    );
    await page.selectOption('#one', nasty);
    await page.click('button');
    expect(await page.title()).toBe(`Error: ${nasty} title`);
    // What was typed must have become text, not elements.
    expect(await page.locator('b').count()).toBe(0);
    for (const key of ['line', 'mail', 'tel', 'number'])
      expect(await page.inputValue(`#${key}`), key).toBe(nasty);
    expect(await page.inputValue('#lines')).toBe(typed);
    expect(await page.inputValue('[name=_token]')).toBe(typed);
    expect(await page.inputValue('#one')).toBe(nasty);
    expect(await page.getAttribute('#lines', 'rows')).toBe('4');
    expect(await page.getAttribute('#number', 'inputmode')).toBe('decimal');
    expect(await page.getAttribute('#line', 'autocomplete')).toBe(nasty);
    expect(await page.textContent('h1')).toBe(`${nasty} title`);
    expect(await page.textContent('h1 + p')).toBe(`${nasty} description`);
    expect(await page.textContent('#line-hint')).toBe(`${nasty} hint`);
    expect(await page.textContent('label[for=line]')).toBe(`${nasty} line *`);
    expect(await page.locator('#none option').allTextContents()).toEqual(['Please choose', 'A']);
    expect(await page.locator('[role=alert] a').allTextContents()).toEqual([
      `${nasty} line: Use at most 5 characters; there are ${nasty.length}.`,
      `Lines: Use at most 5 characters; there are ${nasty.length}.`,
      'E-mail: Enter an e-mail address, like name@example.org.',
      'Telephone: Enter a telephone number of 7 to 15 digits, like +49 30 1234567.',
      'Number: Enter a number from 0 to 1, like 0.5.',
    ]);
    await page.click('[role=alert] a >> nth=3');
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('tel');
    expect(await page.getAttribute('#one', 'aria-invalid')).toBeNull();
    await page.close();
    await close();
  });

  it('comes back with its token and what was typed when the submission could not be stored, and counts once', async () => {
    const page = await visit();
    const token = await page.inputValue('[name=_token]');
    await fill(page, student);
    sink.answer = (res) => res.writeHead(503).end();
    await page.click('button');
    expect(await page.textContent('[role=alert]')).toContain('please send it again');
    expect(await page.inputValue('[name=_token]')).toBe(token);
    sink.answer = undefined;
    await page.click('button');
    expect(await page.textContent('h1')).toBe('Thank you');
    expect(sink.events).toEqual([expect.objectContaining({ data: student })]);
  });

  it('can be filled in with the keyboard alone, and the focus never reaches the honeypot', async () => {
    const page = await visit();
    const met: string[] = [];
    for (const value of Object.values(student)) {
      await page.keyboard.press('Tab');
      met.push(await page.evaluate(() => document.activeElement?.id ?? ''));
      await page.keyboard.type(value);
    }
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/thanks?id=*');
    expect(met).toEqual(Object.keys(student));
    expect(sink.events).toEqual([expect.objectContaining({ type: 'form.submitted', data: student })]);
  });

  it.each([
    ['light', 'rgb(255, 255, 255)'],
    ['dark', 'rgb(27, 32, 40)'],
  ] as const)(
    'follows the colour scheme %s, passes axe both empty and with errors, and fits a phone',
    async (colorScheme, ground) => {
      const axe = await readFile(
        new URL('../../../../node_modules/axe-core/axe.min.js', import.meta.url),
        'utf8',
      );
      const page = await visit({ viewport: small, bypassCSP: true, colorScheme });
      expect(await page.evaluate('getComputedStyle(document.querySelector("main")).backgroundColor')).toBe(
        ground,
      );
      for (const state of ['empty', 'with errors']) {
        if (state === 'with errors') await page.click('button');
        await page.addScriptTag({ content: axe });
        const found = await page.evaluate(
          'axe.run().then((result) => result.violations.map((one) => one.id))',
        );
        expect(found, state).toEqual([]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth), state).toBe(small.width);
      }
    },
  );
});
