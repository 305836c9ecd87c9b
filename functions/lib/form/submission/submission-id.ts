import { createHmac, randomFillSync } from 'node:crypto';
import { stringify, v7 } from 'uuid';

/** A new id in the order of time (UUIDv7, RFC 9562). */
export function newId(now: number): string {
  return v7({ msecs: now, random: random16() });
}

/** Randomness for 256 ids: one system call costs about the same whatever its size. */
const pool = Buffer.allocUnsafe(16 * 256);
let used = pool.length;

function random16(): Buffer {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += 16;
  return pool.subarray(used - 16, used);
}

/**
 * The id of a submission that came with an idempotency key: the same key, form and fields have the same id (UUIDv8), so that
 * what is sent twice counts once. Because of the secret nobody can guess an id from a key, or read a key from an event.
 */
export function keyedId(secret: string, form: string, key: string, data: Record<string, string>): string {
  const canonical = JSON.stringify([
    form,
    key,
    Object.entries(data).toSorted(([a], [b]) => (a < b ? -1 : 1)),
  ]);
  const bytes = createHmac('sha256', secret).update(canonical).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return stringify(bytes);
}
