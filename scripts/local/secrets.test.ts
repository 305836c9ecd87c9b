import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openSecrets } from './secrets.ts';
import { tempFolder } from './testing.ts';

test('secrets are made once, differ between folders and are for their owner only', () => {
  const file = join(tempFolder(), 'secrets.json');
  const { IDEMPOTENCY_SECRET } = openSecrets(file);
  expect(IDEMPOTENCY_SECRET).toMatch(/^[\w-]{43}$/);
  expect(openSecrets(file)).toEqual({ IDEMPOTENCY_SECRET });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(openSecrets(join(tempFolder(), 'secrets.json'))).not.toEqual({ IDEMPOTENCY_SECRET });
});

test('a damaged file is an error and is not overwritten', () => {
  const file = join(tempFolder(), 'secrets.json');
  for (const content of ['{', '{}', '{"IDEMPOTENCY_SECRET":"short"}']) {
    writeFileSync(file, content);
    expect(() => openSecrets(file)).toThrow(`${file} cannot be read as this data folder's secrets`);
    expect(readFileSync(file, 'utf8')).toBe(content);
  }
});
