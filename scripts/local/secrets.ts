import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import * as v from 'valibot';

const Secrets = v.object({ IDEMPOTENCY_SECRET: v.pipe(v.string(), v.minLength(16)) });

/**
 * The secrets of this data folder, random, made on the first start. They stay: the ids of submissions that came with an
 * Idempotency-Key depend on them.
 * @throws Error when the file is damaged
 */
export function openSecrets(file: string): v.InferOutput<typeof Secrets> {
  if (existsSync(file)) {
    try {
      return v.parse(Secrets, JSON.parse(readFileSync(file, 'utf8')));
    } catch (cause) {
      throw new Error(`${file} cannot be read as this data folder's secrets; put it right or remove it`, {
        cause,
      });
    }
  }
  const secrets = { IDEMPOTENCY_SECRET: randomBytes(32).toString('base64url') };
  const fresh = `${file}.new`;
  writeFileSync(fresh, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600 });
  renameSync(fresh, file);
  return secrets;
}
