import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A folder of the running test's own. */
export function temporaryFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'sheets-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}
