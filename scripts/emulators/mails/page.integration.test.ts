import { describe, expect, onTestFinished, test } from 'vitest';
import { hasBrowser, openBrowser } from '../../../functions/testing/browser.ts';
import { testMails } from './testing.ts';

async function open(url: string) {
  const browser = await openBrowser();
  onTestFinished(() => browser.close());
  const page = await browser.newPage({ viewport: { width: 1000, height: 700 } });
  const dialogs: string[] = [];
  page.on('dialog', async (dialog) => {
    dialogs.push(dialog.message());
    await dialog.dismiss();
  });
  onTestFinished(() => expect(dialogs).toEqual([]));
  await page.goto(url);
  return page;
}

describe.skipIf(!hasBrowser)('the mails in a browser', () => {
  test('new ones appear by themselves, and lead to what they look like', async () => {
    const { pages, send } = await testMails();
    const page = await open(`${pages}/`);
    expect(await page.getByText('No mails yet').isVisible()).toBe(true);
    await send({ subject: 'Grüße <b>', html: '<p>Hi <b>Asha</b></p>', text: 'Hi Asha, as text' });
    const link = page.getByRole('link', { name: 'Grüße <b>' });
    await link.click({ timeout: 10_000 });
    await page.waitForURL('**/_/mails/1');
    expect(await page.frameLocator('iframe').locator('b').textContent()).toBe('Asha');
    expect(await page.getByText('Hi Asha, as text').isVisible()).toBe(true);
    expect(await page.getByRole('cell', { name: 'Message-ID' }).isVisible()).toBe(true);
  });

  test('what a mail brings along does not run, in its frame or by itself, and fetches nothing', async () => {
    const { pages, send } = await testMails();
    const evil =
      '<script>alert(1)</script><img src="/_/mails/faults" onerror="alert(2)"><form action="/_/mails/faults" method="post"><button>Go</button></form><b>shown</b>';
    await send({ html: evil });
    for (const address of [`${pages}/1`, `${pages}/1.html`]) {
      const page = await open('about:blank');
      const asked: string[] = [];
      page.on('response', (answer) => asked.push(new URL(answer.url()).pathname));
      await page.goto(address);
      const frame = address.endsWith('.html') ? page.mainFrame() : page.frameLocator('iframe');
      await frame.locator('b').waitFor();
      await frame.getByRole('button', { name: 'Go' }).click();
      expect(asked.filter((path) => path.includes('faults'))).toEqual([]);
    }
  });
});
