import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import PostalMime from 'postal-mime';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { bundle } from '../../../testing/bundle.ts';
import { recordedLog } from '../../../testing/log.ts';
import { startFunction } from '../../../testing/process.ts';
import { openFormWords } from './form-words.ts';
import { useTask } from '../testing.ts';

const words = {
  subject: 'धन्यवाद <b>'.padEnd(150, 'आ'),
  intro: 'Thanks <i>a lot</i>.\n\nWe "call" you.\nSoon.'.padEnd(1_000, 'ऋ'),
  outro: 'ऋ😀 & co'.padEnd(1_000, 'ह'),
};
const source = `import { email, form } from 'formbus';
import * as v from 'valibot';
export const other = { name: 'long-words', mail: {} };
export const longWords = form('long-words', v.pipe(v.object({ mail: email('Mail') }), v.title('Long words')), { mail: ${JSON.stringify(words)} });
`;

let project: string;
const mains = { source: '', bundle: '' };
beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'formbus-words-'));
  const root = join(import.meta.dirname, '../../../..');
  cpSync(join(root, 'functions'), join(project, 'functions'), { recursive: true });
  cpSync(join(root, 'package.json'), join(project, 'package.json'));
  symlinkSync(join(root, 'node_modules'), join(project, 'node_modules'));
  mkdirSync(join(project, 'functions/forms/long-words'));
  writeFileSync(join(project, 'functions/forms/long-words/long-words.ts'), source);
  const evil = `export const evil = { name: '../evil', title: 'Evil', mail: {} };`;
  for (const folder of ['', 'functions', 'functions/evil']) {
    mkdirSync(join(project, folder), { recursive: true });
    writeFileSync(join(project, folder, 'evil.mjs'), evil);
  }
  mains.source = join(project, 'functions/main.ts');
  mains.bundle = await bundle(project, join(project, 'dist'));
});
afterAll(() => rm(project, { recursive: true }));

const task = useTask();

describe.each(['source', 'bundle'] as const)('from the %s of an image', (kind) => {
  async function start() {
    const running = await startFunction(
      mains[kind],
      { ...task.env(), FUNCTION_TARGET: 'send-confirmation' },
      { cwd: project },
    );
    onTestFinished(async () => {
      running.kill('SIGTERM');
      await running.exited;
    });
    return running;
  }

  it('the mail has the form’s own words, of any script and as long as they may be, escaped', async () => {
    const { url } = await start();
    expect(await task.status({ form: 'long-words' }, url)).toBe(204);
    const { subject, text, html } = await PostalMime.parse(task.smtp.mails[0] ?? '');
    expect(subject).toBe(words.subject);
    expect(text).toContain(`${words.intro}\n\nReference:`);
    expect(text).toContain(words.outro);
    expect(html).toContain(
      '<p>Thanks &#60;i&#62;a lot&#60;/i&#62;.</p>\n<p>We &#34;call&#34; you.<br>Soon.ऋ',
    );
    expect(html).toContain('<p>ऋ😀 &#38; co');
  });

  it('a form of another image is confirmed in the default words, and nothing else is loaded for its name', async () => {
    const { url } = await start();
    const forms = ['of-another-image', 'main', 'send-confirmation', '../evil', '..', 'a b'];
    for (const [n, form] of forms.entries()) {
      const email = `person-${n}@example.org`;
      expect(await task.status({ form, id: `id-${n}`, data: { email } }, url)).toBe(204);
    }
    const mails = await Promise.all(task.smtp.mails.map((mail) => PostalMime.parse(mail)));
    expect(mails.map(({ subject }) => subject)).toEqual(
      ['Of another image', 'Main', 'Send confirmation', '../evil', '..', 'A b'].map(
        (title) => `We have received your submission: ${title}`,
      ),
    );
  });
});

it('a missing form is logged once', async () => {
  const { log, messages } = recordedLog();
  const wordsOf = openFormWords(log);
  expect(await Promise.all(Array.from({ length: 5 }, () => wordsOf('of-another-image')))).toEqual(
    Array.from({ length: 5 }, () => ({ title: 'Of another image' })),
  );
  expect(await wordsOf('student-data-form')).toEqual({ title: 'Student data' });
  expect(messages).toEqual([expect.stringContaining('has no such form')]);
});
