import { chromium } from 'playwright-core';
import { startFormbus, temporaryFolder } from '../testing/formbus.ts';

/** Draws the README's picture again, from a Formbus of its own: `node scripts/build/screenshot.ts`. Needs Chromium. */
const form = 'student-data-form';
const people = [
  ['Asha Rao', '99999', 'BCE', '8.04', 'F', '21'],
  ['Jonas Weber', '10412', 'TU Berlin', '9.10', 'M', '23'],
  ['Mei Tanaka', '20877', 'Kyoto', '7.65', 'F', '20'],
  ['Ibrahim Diallo', '31206', 'Dakar', '8.80', 'M', '22'],
] as const;

const folder = await temporaryFolder();
const formbus = await startFormbus(folder.path);
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
try {
  for (const person of people) await submit(person);
  await formbus.flush();
  const last = people.length - 1;
  const shots = {
    form: await shoot(`/${form}/`, { width: 420, height: 445 }, `text=Gender`),
    rows: await shoot(`/_/sheets/${form}`, { width: 840, height: 225 }, `#rows tr >> nth=${last}`),
    mails: await shoot('/_/mails/', { width: 840, height: 200 }, `tbody tr >> nth=${last}`),
  };
  const image = (png: Buffer) => `<img src="data:image/png;base64,${png.toString('base64')}">`;
  const page = await browser.newPage({ viewport: { width: 1_320, height: 485 } });
  await page.setContent(
    `<body style="margin:0;padding:20px;display:flex;gap:20px;background:#d8dde4">${image(shots.form)}
    <div style="display:flex;flex-direction:column;gap:20px">${image(shots.rows)}${image(shots.mails)}</div>`,
  );
  await page.screenshot({ path: '.github/screenshot.png' });
} finally {
  await browser.close();
  await formbus.end('SIGTERM');
  await folder.remove();
}

async function submit([name, roll, university, cgpa, gender, age]: (typeof people)[number]): Promise<void> {
  const email = `${name.toLowerCase().replace(' ', '.')}@example.org`;
  const answer = await fetch(`${formbus.url}/${form}/`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name, roll, university, cgpa, gender, age, email, mobile: '7004465984' }),
  });
  if (answer.status !== 202) throw new Error(`${form} answered ${answer.status}: ${await answer.text()}`);
}

async function shoot(
  path: string,
  viewport: { width: number; height: number },
  shows: string,
): Promise<Buffer> {
  const page = await browser.newPage({ viewport, colorScheme: 'light' });
  await page.goto(formbus.url + path);
  await page.locator(shows).first().waitFor();
  return page.screenshot();
}
