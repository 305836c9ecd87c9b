/**
 * Replaces kafkajs's encoder of a record in the bundle. kafkajs allocates 512 bytes for each header, which takes 20 µs a record. This
 * encoder joins the record as a text with one character for each byte, and writes it at once, which takes 2 µs. A test compares the two
 * byte by byte.
 * https://kafka.apache.org/documentation/#record
 */
export function encodeRecord({
  key,
  value,
  headers = {},
  offsetDelta = 0,
  timestampDelta = 0,
}: EncodedRecord) {
  let count = 0;
  let named = '';
  for (const name of Object.keys(headers)) {
    const values = headers[name];
    for (const one of Array.isArray(values) ? values : [values]) {
      named += encodedHeader(name, one);
      count += 1;
    }
  }
  const fixed = `\0${varint(timestampDelta)}${varint(offsetDelta)}`;
  const record = `${fixed}${sized(key)}${sized(value)}${varint(count)}${named}`;
  const buf = Buffer.from(varint(record.length) + record, 'latin1');
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

/** The last header of each name: most have the same value in all events of a form. */
const lastHeaders = new Map<string, { value: Bytes; encoded: string }>();

function encodedHeader(name: string, value: Bytes): string {
  const last = lastHeaders.get(name);
  if (last && typeof value === 'string' && last.value === value) return last.encoded;
  const encoded = sized(name) + sized(value);
  lastHeaders.set(name, { value, encoded });
  return encoded;
}

/** Bytes after their number, which is -1 for an absent value. */
function sized(bytes: Bytes): string {
  if (bytes === null || bytes === undefined) return varint(-1);
  const isAscii = typeof bytes === 'string' && Buffer.byteLength(bytes) === bytes.length;
  const text = isAscii ? bytes : Buffer.from(bytes).toString('latin1');
  return varint(text.length) + text;
}

function varint(value: number): string {
  // Maps small numbers of either sign to small positive ones. https://protobuf.dev/programming-guides/encoding/#signed-ints
  let rest = value < 0 ? -2 * value - 1 : 2 * value;
  let text = '';
  for (; rest >= 128; rest = Math.floor(rest / 128)) text += String.fromCharCode((rest % 128) + 128);
  return text + String.fromCharCode(rest);
}
