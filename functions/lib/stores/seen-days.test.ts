import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { readEnv } from '../runtime/env.ts';
import { seenDaysEnv } from './seen-days.ts';

it('remembers ids by default for as long as the ConfigMap says', () => {
  const text = readFileSync(join(import.meta.dirname, '../../../knative/config.yaml'), 'utf8');
  expect(readEnv(seenDaysEnv, {}).SEEN_DAYS).toBe(Number(parse(text).data.SEEN_DAYS));
});
