import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempFolder } from '../serving/testing.ts';
import { runAs, userFor } from './postgres-user.ts';

test("a program finds its neighbours in a folder that is closed to PostgreSQL's user", async () => {
  const folder = tempFolder();
  chmodSync(folder, 0o700);
  const user = await userFor(join(folder, 'no-data-yet'));
  const lookup = await runAs('/usr/bin/test', ['-r', join(folder, '.')], user, folder);
  expect(await lookup.exited).toBe('exited with code 0');
});
