import type { IncomingMessage } from 'node:http';
import * as v from 'valibot';

const Redelivery = v.strictObject({
  trigger: v.string('trigger: the name of a Trigger'),
  /** Places in the log: an id may stand there twice, a place is one event. */
  seqs: v.pipe(
    v.array(v.pipe(v.number(), v.safeInteger()), 'seqs: a list of places in the log'),
    v.maxLength(10_000, 'seqs: at most 10,000'),
  ),
});
const Redrive = v.strictObject({
  ids: v.pipe(
    v.array(v.pipe(v.number(), v.safeInteger()), 'ids: a list of ids of dead letters'),
    v.maxLength(10_000, 'ids: at most 10,000'),
  ),
});

/** Enough for 10,000 places. */
const maxBytes = 1_000_000;

/** Which events to deliver again, and to which Trigger, from a request's JSON body. Returns a text when the body is wrong. */
export const readRedelivery = (req: IncomingMessage) =>
  read(req, Redelivery, '{"trigger": "…", "seqs": [1, …]}');

/** Likewise which dead letters to deliver again. */
export const readRedrive = (req: IncomingMessage) => read(req, Redrive, '{"ids": [1, …]}');

async function read<S extends v.GenericSchema>(
  req: IncomingMessage,
  schema: S,
  shape: string,
): Promise<v.InferOutput<S> | string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of req) {
    const bytes: Buffer = chunk;
    length += bytes.length;
    // What is too long is read to its end, so that the answer reaches the caller, but not kept.
    if (length <= maxBytes) chunks.push(bytes);
  }
  if (length > maxBytes) return `The body has over ${maxBytes} bytes; send fewer at once.`;
  const text = Buffer.concat(chunks).toString();
  const { success, output, issues } = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
  if (success) return output;
  return `The body is not ${shape}: ${issues.map(({ message }) => message).join('; ')}`;
}
