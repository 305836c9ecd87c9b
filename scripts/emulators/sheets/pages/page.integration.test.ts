import { existsSync } from 'node:fs';
import { chromium, type Page } from 'playwright-core';
import { describe, expect, onTestFinished, test } from 'vitest';
import { tab, testPages, type TestSheets, texts } from '../testing.ts';

const executablePath = '/usr/bin/chromium';
/** The page asks about once a second. */
const soon = { timeout: 10_000 };
const missing = !existsSync(executablePath) && process.env['CI'] !== 'true';
if (missing)
  console.warn(`The sheet's page is not tested in a browser: install Chromium (apt-get install chromium).`);

async function open(url: string, viewport = { width: 1000, height: 600 }): Promise<Page> {
  const args = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'];
  const browser = await chromium.launch({ executablePath, args });
  onTestFinished(() => browser.close());
  const page = await browser.newPage({ viewport });
  const errors: string[] = [];
  page.on('pageerror', ({ message }) => errors.push(message));
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().includes('status of 404')) errors.push(message.text());
  });
  onTestFinished(() => expect(errors).toEqual([]));
  await page.goto(url);
  return page;
}

const append = (sheets: TestSheets, ...rows: string[][]) =>
  sheets.apply({ appendCells: { sheetId: 7, rows: texts(...rows), fields: 'userEnteredValue' } });
const hideFirst = {
  updateDimensionProperties: {
    range: { sheetId: 7, dimension: 'COLUMNS', startIndex: 0, endIndex: 1 },
    properties: { hiddenByUser: true },
    fields: 'hiddenByUser',
  },
};
const bodyRows = (page: Page) => page.locator('#rows tr');

describe.skipIf(missing)('the page of a sheet in a browser', () => {
  test('shows new rows by itself, marked as new, without a reload', async () => {
    const sheets = await testPages();
    await sheets.apply(...tab('demo-form', ['id', 'name', 'message']), hideFirst);
    const page = await open(`${sheets.pages}demo-form`);
    await page.evaluate('window.loadedOnce = true');
    await expect.poll(() => page.getByText('No rows yet').isVisible(), soon).toBe(true);

    await append(sheets, ['1', 'Asha Rao', '=not a formula']);
    await expect.poll(() => bodyRows(page).count(), soon).toBe(1);
    await append(sheets, ['2', '<b>Bo</b>', 'two\nlines']);
    await expect.poll(() => bodyRows(page).count(), soon).toBe(2);

    expect(await page.getByText('No rows yet').isVisible()).toBe(false);
    expect(await page.locator('#count').textContent()).toBe('2 rows');
    expect(await bodyRows(page).last().getByText('<b>Bo</b>').isVisible()).toBe(true);
    expect(await bodyRows(page).last().getAttribute('class')).toBe('new');
    expect(await page.evaluate('window.loadedOnce')).toBe(true);
  });

  test('hides hidden columns until they are asked for, and keeps them shown through updates', async () => {
    const sheets = await testPages();
    await sheets.apply(...tab('demo-form', ['id', 'name'], ['the-id', 'Asha']), hideFirst);
    const page = await open(`${sheets.pages}demo-form`);
    expect(await page.getByText('the-id').isVisible()).toBe(false);
    await page.getByLabel('Hidden columns').check();
    expect(await page.getByText('the-id').isVisible()).toBe(true);
    await append(sheets, ['second-id', 'Bo']);
    await expect.poll(() => page.getByText('second-id').isVisible(), soon).toBe(true);
  });

  test('keeps the heading in sight and follows the newest rows on a phone', async () => {
    const sheets = await testPages();
    const columns = ['id', 'name', 'e-mail', 'message'];
    const rows = Array.from({ length: 200 }, (_, index) => columns.map((column) => `${column} ${index}`));
    await sheets.apply(...tab('demo-form', columns, ...rows));
    const page = await open(`${sheets.pages}demo-form`, { width: 360, height: 640 });
    const inSight = (text: string) =>
      page.getByRole('cell', { name: text, exact: true }).evaluate((cell) => {
        const { top, bottom } = cell.getBoundingClientRect();
        // Rows end on fractions of a pixel.
        return top >= -1 && bottom <= innerHeight + 1;
      });
    await expect.poll(() => inSight('name 199'), soon).toBe(true);
    expect(await inSight('name')).toBe(true);
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);

    await append(sheets, ['id', 'the newest', '', '']);
    await expect.poll(() => page.getByText('the newest').count(), soon).toBe(1);
    expect(await inSight('the newest')).toBe(true);
  });

  test('becomes the sheet once a tab that was missing is made', async () => {
    const sheets = await testPages();
    const page = await open(`${sheets.pages}demo-form`);
    expect(await page.getByText('There is no tab “demo-form” yet.').isVisible()).toBe(true);
    await sheets.apply(...tab('demo-form', ['id', 'name'], ['1', 'Asha']));
    await expect.poll(() => page.getByRole('cell', { name: 'Asha' }).isVisible(), soon).toBe(true);
  });
});
