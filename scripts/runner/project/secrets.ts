import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import * as v from 'valibot';

const fresh = () => randomBytes(32).toString('base64url');
const Secret = v.pipe(v.string(), v.minLength(16));
/** One that came later than the first is made when it is missing. */
const Secrets = v.object({ IDEMPOTENCY_SECRET: Secret, MAIL_SECRET: v.optional(Secret, fresh) });

/**
 * The secrets of this data folder, random, made on the first start. They stay: the ids of submissions that came with an
 * Idempotency-Key depend on them, and how many mails a recipient had today.
 * @throws Error when the file is damaged
 */
export function openSecrets(file: string): v.InferOutput<typeof Secrets> {
  const text = existsSync(file)
    ? readFileSync(file, 'utf8')
    : JSON.stringify({ IDEMPOTENCY_SECRET: fresh() });
  const secrets = parse(text, file);
  const whole = `${JSON.stringify(secrets, null, 2)}\n`;
  if (whole === text) return secrets;
  writeFileSync(`${file}.new`, whole, { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return secrets;
}

function parse(text: string, file: string): v.InferOutput<typeof Secrets> {
  try {
    return v.parse(Secrets, JSON.parse(text));
  } catch (cause) {
    throw new Error(`${file} cannot be read as this data folder's secrets; put it right or remove it`, {
      cause,
    });
  }
}
