import { chromium } from 'playwright-core';
import { chromiumPath } from '../../functions/testing/browser.ts';

/** The Chromium of a test run; each test file has contexts of its own in it. */
export async function launchBrowser(): Promise<{ answer: { endpoint: string }; close(): Promise<void> }> {
  const server = await chromium.launchServer({
    executablePath: chromiumPath ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
    ],
  });
  return { answer: { endpoint: server.wsEndpoint() }, close: () => server.close() };
}
