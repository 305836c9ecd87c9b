import { describe, expect, it, onTestFinished } from 'vitest';
import * as v from 'valibot';
import { formEnv, postJson, startSink } from '../../testing/sink.ts';
import { mailAttributes, type MailTexts } from './mail-texts.ts';
import { email } from '../fields/email.ts';
import type { FieldEntries } from '../fields/field.ts';
import { text } from '../fields/text.ts';
import { form } from '../form/form.ts';
import { serve } from '../serve/serve.ts';

const name = text('Name', { max: 100_000 });
const attributes = (entries: FieldEntries, texts?: MailTexts) =>
  mailAttributes('a-form', v.object(entries), texts);

describe('the recipient of the confirmation', () => {
  it('is the address of the only e-mail field', () => {
    expect(attributes({ name, mail: email('Mail') })).toEqual({ mailto: 'mail' });
    expect(attributes({ name, mail: email('Mail', { required: false, description: 'x' }) })).toEqual({
      mailto: 'mail',
    });
  });

  it('is missing without an e-mail field, or when the field says confirm: false', () => {
    expect(attributes({ name })).toEqual({});
    expect(attributes({ teacher: email('Teacher', { confirm: false }) })).toEqual({});
  });

  it('is chosen by the schema where there are several e-mail fields', () => {
    const [own, other] = [email('Own', { confirm: true }), email('Other')];
    expect(attributes({ other, own, third: email('Third', { confirm: false }) })).toEqual({ mailto: 'own' });
    expect(attributes({ other, third: email('Third', { confirm: false }) })).toEqual({ mailto: 'other' });
    expect(() => attributes({ other, own: email('Own') })).toThrow(
      "Form a-form: say which of the e-mail fields other, own gets the confirmation mail: email('…', { confirm: true })",
    );
    expect(() => attributes({ own, more: email('More', { confirm: true }) })).toThrow('own, more');
  });
});

describe('a form’s own texts', () => {
  it.each<[MailTexts, string]>([
    [{ subject: 'one\r\nBcc: eve@example.org' }, 'subject is empty, or with control characters'],
    [{ subject: 'one\ntwo' }, 'subject is of several lines'],
    [{ subject: '' }, 'subject is empty'],
    [{ subject: 'x'.repeat(151) }, 'subject is longer than 150'],
    [{ intro: 'x'.repeat(1_001) }, 'intro is longer than 1000'],
    [{ outro: 'a\0b' }, 'outro is empty, or with control characters'],
  ])('are refused when the form is made: %o', (texts, problem) => {
    expect(() => attributes({ mail: email('Mail') }, texts)).toThrow(problem);
  });

  it('are refused for a form that sends no mail', () => {
    expect(() => attributes({ name }, { subject: 'x' })).toThrow('no e-mail field');
  });
});

it('the event of a submission names the field of its address and carries none of the mail’s words; a suspected one names none', async () => {
  const sink = await startSink();
  const schema = v.object({ name, mail: email('Mail') });
  const served = await serve(form('a-form', schema, { mail: { subject: 'Welcome' } }), {
    env: formEnv(sink),
  });
  onTestFinished(async () => {
    await served.close();
    await sink.close();
  });
  const fields = { name: 'Asha', mail: 'asha@example.org' };
  expect((await postJson(served.url, fields)).status).toBe(202);
  expect((await postJson(served.url, { ...fields, _url: 'spam' })).status).toBe(202);
  expect(sink.events).toMatchObject([{ type: 'form.submitted', mailto: 'mail' }, { type: 'form.suspected' }]);
  expect(sink.events[1]).not.toHaveProperty('mailto');
  expect(JSON.stringify(sink.events)).not.toContain('Welcome');
});
