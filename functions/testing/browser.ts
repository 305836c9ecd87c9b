import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';
import * as v from 'valibot';
import { ask } from './services.ts';

/** Where Chromium is installed. */
export const chromiumPath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  (path) => existsSync(path),
);

/** False, with a line that says what to install, where Chromium is missing; with CI=true the tests run and fail. */
export const hasBrowser = chromiumPath !== undefined || process.env['CI'] === 'true';
if (!hasBrowser)
  console.warn('The tests in a browser are skipped: install chromium (Debian: apt-get install chromium).');

/** The browser of the test run; closing it closes the caller's pages only. */
export async function openBrowser(): Promise<Browser> {
  const { endpoint } = await ask(v.object({ endpoint: v.string() }), 'browser');
  return chromium.connect(endpoint);
}
