import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openSecrets } from './secrets.ts';
import { tempFolder } from '../serving/testing.ts';

test('secrets are made once, differ between folders and are for their owner only', () => {
  const file = join(tempFolder(), 'secrets.json');
  const secrets = openSecrets(file);
  for (const secret of Object.values(secrets)) expect(secret).toMatch(/^[\w-]{43}$/);
  expect(secrets.IDEMPOTENCY_SECRET).not.toBe(secrets.MAIL_SECRET);
  expect(openSecrets(file)).toEqual(secrets);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(openSecrets(join(tempFolder(), 'secrets.json'))).not.toEqual(secrets);
});

test('a secret that came later is made and kept; the others stay as they are', () => {
  const file = join(tempFolder(), 'secrets.json');
  const IDEMPOTENCY_SECRET = 'of an older version';
  writeFileSync(file, JSON.stringify({ IDEMPOTENCY_SECRET }));
  const secrets = openSecrets(file);
  expect(secrets).toEqual({ IDEMPOTENCY_SECRET, MAIL_SECRET: expect.stringMatching(/^[\w-]{43}$/) });
  expect(openSecrets(file)).toEqual(secrets);
});

test('a damaged file is an error and is not overwritten', () => {
  const file = join(tempFolder(), 'secrets.json');
  for (const content of ['{', '{}', '{"IDEMPOTENCY_SECRET":"short"}']) {
    writeFileSync(file, content);
    expect(() => openSecrets(file)).toThrow(`${file} cannot be read as this data folder's secrets`);
    expect(readFileSync(file, 'utf8')).toBe(content);
  }
});
