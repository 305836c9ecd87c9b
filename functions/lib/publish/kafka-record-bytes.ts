/**
 * Replaces kafkajs's encoder of a record in the bundle. kafkajs allocates 512 bytes for each header, which takes 20 µs a record; this
 * encoder allocates one buffer of the record's size, which takes 2 µs. A test compares the two byte by byte.
 * https://kafka.apache.org/documentation/#record
 */
export function encodeRecord({
  key,
  value,
  headers = {},
  offsetDelta = 0,
  timestampDelta = 0,
}: EncodedRecord) {
  const named = Object.entries(headers).flatMap(([name, values]) =>
    (Array.isArray(values) ? values : [values]).map((one): [string, Bytes] => [name, one]),
  );
  // The record's size precedes the record, so each text is measured first, once.
  const sizes = [sizeOf(key), sizeOf(value), ...named.flatMap(([name, one]) => [sizeOf(name), sizeOf(one)])];
  const fixed = 1 + varintSize(timestampDelta) + varintSize(offsetDelta) + varintSize(named.length);
  const size = sizes.reduce((sum, bytes) => sum + varintSize(bytes) + Math.max(bytes, 0), fixed);
  const buf = Buffer.allocUnsafe(varintSize(size) + size);
  let offset = writeVarint(buf, 0, size);
  buf[offset] = 0;
  offset = writeVarint(buf, offset + 1, timestampDelta);
  offset = writeVarint(buf, offset, offsetDelta);
  let n = 0;
  const write = (bytes: Bytes) => {
    const length = sizes[n] ?? -1;
    n += 1;
    offset = writeVarint(buf, offset, length);
    if (typeof bytes === 'string') offset += buf.write(bytes, offset);
    else if (bytes) offset += bytes.copy(buf, offset);
  };
  write(key);
  write(value);
  offset = writeVarint(buf, offset, named.length);
  for (const [name, one] of named) {
    write(name);
    write(one);
  }
  // The properties of kafkajs's own encoder that kafkajs reads.
  return { buf, buffer: buf };
}

type Bytes = string | Buffer | null | undefined;

export interface EncodedRecord {
  key?: Bytes;
  value: Bytes;
  headers?: Record<string, Bytes | Bytes[]>;
  offsetDelta?: number;
  /** Milliseconds after the first record of its batch. */
  timestampDelta?: number;
}

/** -1 for an absent value. */
function sizeOf(bytes: Bytes): number {
  return typeof bytes === 'string' ? Buffer.byteLength(bytes) : (bytes?.length ?? -1);
}

/** Maps small numbers of either sign to small positive ones. https://protobuf.dev/programming-guides/encoding/#signed-ints */
const zigzag = (value: number) => (value < 0 ? -2 * value - 1 : 2 * value);

function varintSize(value: number): number {
  let size = 1;
  for (let rest = zigzag(value); rest >= 128; rest = Math.floor(rest / 128)) size += 1;
  return size;
}

/** Returns the offset behind the number. */
function writeVarint(buf: Buffer, offset: number, value: number): number {
  let rest = zigzag(value);
  for (; rest >= 128; rest = Math.floor(rest / 128)) buf[offset++] = (rest % 128) + 128;
  buf[offset++] = rest;
  return offset;
}
