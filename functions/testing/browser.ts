import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  (path) => existsSync(path),
);

/** False, with a line that says what to install, where there is no Chromium; with CI=true the tests run and fail. */
export const hasBrowser = executablePath !== undefined || process.env['CI'] === 'true';
if (!hasBrowser)
  console.warn('The tests in a browser are skipped: install chromium (Debian: apt-get install chromium).');

export function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: executablePath ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
    ],
  });
}
