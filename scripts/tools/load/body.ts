import * as v from 'valibot';

const Text = v.object({
  enum: v.optional(v.array(v.string())),
  format: v.optional(v.string()),
  pattern: v.optional(v.string()),
  minLength: v.optional(v.number(), 0),
  maxLength: v.optional(v.number(), Infinity),
});
/** An optional field is an empty text or a filled-in one. */
const Property = v.union([
  v.pipe(
    v.object({ anyOf: v.tuple([v.object({ const: v.literal('') }), Text]) }),
    v.transform(({ anyOf }) => anyOf[1]),
  ),
  Text,
]);
type Property = v.InferOutput<typeof Property>;
const Schema = v.object({ properties: v.record(v.string(), Property) });

/** Values for common patterns: a small number, a telephone number, a date, a word. */
const samples = ['5.5', '5', '7004465984', '2026-01-31', 'abc', 'ABC'];

/**
 * Makes valid submissions from a form's JSON Schema, each different.
 * @throws Error that names a field for which no value fits
 */
export function bodiesFor(schema: unknown, run = String(Date.now())): (n: number) => string {
  const { properties } = v.parse(Schema, schema);
  const makers = Object.entries(properties).map(
    ([name, property]) => [name, makerOf(name, property)] as const,
  );
  return (n) => {
    const unique = `${run}-${n}`;
    return JSON.stringify(Object.fromEntries(makers.map(([name, make]) => [name, make(unique)])));
  };
}

function makerOf(name: string, property: Property): (unique: string) => string {
  const { enum: choices, format, pattern, minLength, maxLength } = property;
  if (choices) return () => choices[0] ?? '';
  const fits = (text: string) =>
    text.length >= minLength && text.length <= maxLength && new RegExp(pattern ?? '', 'u').test(text);
  if (format === 'email') return (unique) => `load-${unique}@example.org`;
  const free = (unique: string) => `load ${unique}`.slice(-maxLength).padEnd(minLength, '.');
  if (fits(free('0-0'))) return free;
  const sample = samples.find(fits);
  if (sample === undefined) throw new Error(`no known value fits the field ${name}: ${pattern ?? format}`);
  return () => sample;
}
