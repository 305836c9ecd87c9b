/**
 * Replaces kafkajs's checksum of a batch (CRC-32C, RFC 3720, B.4) in the bundle: eight bytes at a time instead of one, which takes a
 * third of the time. A test compares the two.
 */
export function crc32c(bytes: Buffer): number {
  const { buffer, byteOffset, length } = bytes;
  const view = new DataView(buffer, byteOffset, length);
  let crc = -1;
  let offset = 0;
  for (; offset + 8 <= length; offset += 8) {
    const low = crc ^ view.getInt32(offset, true);
    const high = view.getInt32(offset + 4, true);
    crc =
      after(7, low) ^
      after(6, low >>> 8) ^
      after(5, low >>> 16) ^
      after(4, low >>> 24) ^
      after(3, high) ^
      after(2, high >>> 8) ^
      after(1, high >>> 16) ^
      after(0, high >>> 24);
  }
  for (; offset < length; offset += 1) crc = after(0, crc ^ view.getUint8(offset)) ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** What a byte adds to the checksum when `zeros` zeros follow it. */
function after(zeros: number, byte: number): number {
  return tables[zeros * 256 + (byte & 255)] ?? 0;
}

const tables = new Int32Array(8 * 256);
for (let byte = 0; byte < 256; byte += 1) {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  tables[byte] = crc;
}
for (let index = 256; index < tables.length; index += 1) {
  const before = tables[index - 256] ?? 0;
  tables[index] = after(0, before) ^ (before >>> 8);
}
