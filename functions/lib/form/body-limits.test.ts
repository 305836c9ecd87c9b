import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { demoForm } from '../../forms/demo-form/demo-form.ts';

it('the edge takes bodies as large as a form does, and waits for them as long', () => {
  const file = join(import.meta.dirname, '../../../knative/platform/edge/nginx.conf');
  const conf = readFileSync(file, 'utf8');
  const valueOf = (directive: string) => new RegExp(`^ *${directive} (.+);$`, 'm').exec(conf)?.[1];
  const { maxBytes, deadlineMs } = demoForm.limits;
  expect(valueOf('client_max_body_size')).toBe(String(maxBytes));
  expect(valueOf('client_body_timeout')).toBe(`${deadlineMs / 1_000}s`);
});
