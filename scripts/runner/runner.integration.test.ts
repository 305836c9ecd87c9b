import { cpSync, existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { hasBrowser, openBrowser } from '../../functions/testing/browser.ts';
import { student } from '../../functions/testing/sink.ts';
import { startRunner } from './runner.ts';
import { recordingLog, tempFolder } from './serving/testing.ts';
import { withPostgres } from '../testing/postgres-template.ts';

const project = resolve(import.meta.dirname, '../..');

/** The project, with a text in one of its manifests replaced. */
function projectWith(file: string, from: string, to: string): string {
  const root = tempFolder();
  for (const folder of ['eventing', 'knative'])
    cpSync(join(project, folder), join(root, folder), { recursive: true });
  for (const folder of ['functions', 'node_modules']) symlinkSync(join(project, folder), join(root, folder));
  const content = readFileSync(join(root, file), 'utf8');
  if (!content.includes(from)) throw new Error(`${file} has no ${from}`);
  writeFileSync(join(root, file), content.replace(from, to));
  return root;
}

async function start(root: string, data: string) {
  const said: string[] = [];
  const log = recordingLog();
  await withPostgres(data);
  const runner = await startRunner({
    root,
    data,
    port: 0,
    log,
    say: (text) => said.push(text),
    env: {},
  });
  onTestFinished(() => runner.close());
  return { ...runner, log, said: said.join('\n') };
}

/** redis-server notes its port there for as long as it runs. */
const redisRuns = (data: string) => existsSync(join(data, 'redis', 'port'));

test('says what it overrides and where things are; closing again is harmless and frees the folder', async () => {
  const data = tempFolder();
  const first = await start(project, data);
  expect(await (await fetch(`${first.url}/_/healthz`)).json()).toEqual({ status: 'ok' });
  expect(first.said).toMatch(/K_SINK=http:\S+ +events go to the Broker here/);
  for (const address of [
    '/student-data-form/',
    '/_/sheets/',
    '/_/mails/',
    '/_/services',
    '/_/dead-letters',
    '/_/schedules/sheets-flush',
  ]) {
    expect(first.said).toContain(first.url + address);
  }
  await expect(start(project, data)).rejects.toThrow(
    /^data folder \S+ is in use by another formbus; .* --data$/,
  );
  await Promise.all([first.close(), first.close()]);
  await first.close();
  expect(redisRuns(data)).toBe(false);
  await expect(fetch(first.url)).rejects.toThrow('fetch failed');
  const second = await start(project, data);
  expect((await fetch(`${second.url}/_/healthz`)).status).toBe(200);
});

test('a value that a function refuses stops the start, names the manifest and the variable, and leaves nothing', async () => {
  const data = tempFolder();
  const root = projectWith('knative/config.yaml', 'SETTLE_SECONDS:', 'SETTLE_SECONDS: soon #');
  await expect(start(root, data)).rejects.toThrow(
    /knative\/tasks\/sheets-flush\.yaml: sheets-flush exited with code 1:\n[^]*SETTLE_SECONDS is wrong/,
  );
  expect(redisRuns(data)).toBe(false);
  await start(project, data);
});

test('a Secret without a value stops the start, names the manifest and what to set, and leaves nothing', async () => {
  const data = tempFolder();
  const file = 'knative/forms/demo-form.yaml';
  const root = projectWith(file, 'name: IDEMPOTENCY_SECRET', 'name: OTHER_SECRET');
  await expect(start(root, data)).rejects.toThrow(
    `${file}: env OTHER_SECRET: key idempotency-secret of Secret formbus has no value on this machine; set OTHER_SECRET in the environment of npm start`,
  );
  expect(redisRuns(data)).toBe(false);
});

test('a manifest field that is not known stops the start before anything is made', async () => {
  const data = join(tempFolder(), 'data');
  const root = projectWith('knative/tasks/demo-task.yaml', 'timeoutSeconds:', 'timeoutSecond:');
  const starting = startRunner({ root, data, port: 0, log: recordingLog(), say: () => {}, env: {} });
  await expect(starting).rejects.toThrow(/knative\/tasks\/demo-task\.yaml: .*timeoutSecond/);
  expect(existsSync(data)).toBe(false);
});

test('a Trigger whose filter names an unknown form is reported with its file and the forms', async () => {
  const file = 'eventing/triggers/demo-task.yaml';
  const { log } = await start(projectWith(file, 'form: demo-form', 'form: demo-from'), tempFolder());
  expect(log.lines.filter((line) => line.startsWith('warn formbus: eventing'))).toEqual([
    `warn formbus: ${file}: the filter names a form demo-from, and there is none here; there are demo-form, student-data-form {}`,
  ]);
});

test.skipIf(!hasBrowser)(
  'a page of sheets says how many rows wait, and flushes them at the push of a button',
  async () => {
    // Else the schedule may be first.
    const root = projectWith('eventing/sources/sheets-flush.yaml', '* * * * *', '0 0 29 2 *');
    const { url } = await start(root, tempFolder());
    const browser = await openBrowser();
    onTestFinished(() => browser.close());
    for (const [form, width, colorScheme] of [
      ['demo-form', 390, 'dark'],
      ['student-data-form', 1000, 'light'],
    ] as const) {
      const page = await browser.newPage({ viewport: { width, height: 700 }, colorScheme });
      const { name, message } = { name: 'Asha', message: 'x' };
      const body = new URLSearchParams(form === 'demo-form' ? { name, message } : student);
      expect((await fetch(`${url}/${form}/`, { method: 'POST', body })).status).toBe(202);
      await page.goto(`${url}/_/sheets/${form}`);
      await expect
        .poll(() => page.locator('#waiting').innerText())
        .toMatch(/^1 row waits for the next flush, at /);
      expect(await page.getByText(`There is no tab “${form}” yet`).isVisible()).toBe(true);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
      await page.getByRole('button', { name: 'Flush now' }).click();
      await expect.poll(() => page.locator('#rows tr').count()).toBe(1);
      await expect.poll(() => page.locator('#waiting').isVisible()).toBe(false);
      await page.close();
    }
  },
);
