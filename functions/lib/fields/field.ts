import * as v from 'valibot';
import {
  decimalText,
  exampleWithin,
  maxDecimalLength,
  plainDecimal,
  readingsWithin,
} from './decimal-text.ts';
import { emailAddress } from './email-address.ts';
import { address, numeric, oneLine, severalLines } from './normalise.ts';

const Widget = v.object({
  input: v.optional(v.picklist(['text', 'email', 'tel', 'textarea', 'select']), 'text'),
  /** https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#autofill */
  autocomplete: v.optional(v.string()),
  inputmode: v.optional(v.picklist(['decimal'])),
  /** Height of a textarea. */
  lines: v.optional(v.number()),
  /** Values and what people read for them, in this order. */
  options: v.optional(v.array(v.tuple([v.string(), v.string()])), []),
});

/** How a field is shown on the form's page; travels in the schema as valibot metadata. */
export type Widget = v.InferOutput<typeof Widget>;

/** A field takes a text, normalised as its kind wants it. */
export type Field = v.GenericSchema<string | null | undefined, string>;
export type FieldEntries = Record<string, Field>;

interface FieldOptions {
  /** A hint shown below the label. */
  description?: string;
  autocomplete?: string;
  /** Left empty, a field that is not required is kept as ''. */
  required?: boolean;
}

/** Free text of at most `max` UTF-16 code units, as JavaScript and HTML count; with `lines`, a text of several lines. */
export function text(title: string, options: FieldOptions & { max: number; lines?: number }) {
  const { max, lines } = options;
  const schema = v.pipe(
    v.string(),
    v.nonEmpty(),
    v.maxLength(max, ({ input }) => `Use at most ${max} characters; there are ${input.length}.`),
  );
  return lines
    ? field(title, options, { input: 'textarea', lines }, severalLines, schema)
    : field(title, options, { input: 'text' }, oneLine, schema);
}

/**
 * An e-mail address. With `confirm: true` it gets the mail that confirms the submission, with `false` it does not; a form's only
 * e-mail field gets it unless it says `false`.
 */
export function email(title: string, options: FieldOptions & { confirm?: boolean } = {}) {
  const { confirm, ...others } = options;
  const schema = emailAddress('Enter an e-mail address, like name@example.org.');
  const shown = field(title, { autocomplete: 'email', ...others }, { input: 'email' }, address, schema);
  const wish: Confirmation = confirm === undefined ? 'maybe' : confirm ? 'yes' : 'no';
  return v.pipe(shown, v.metadata({ confirmation: wish }));
}

/**
 * A telephone number of 7 to 15 digits (15 is the most in ITU-T E.164), with spaces, dots, dashes, slashes, brackets and a leading +
 * as people write it.
 */
export function phone(title: string, options: FieldOptions = {}) {
  const message = 'Enter a telephone number of 7 to 15 digits, like +49 30 1234567.';
  const pattern = v.regex(/^\(?\+?(?:[ ()./-]*\d){7,15}[ ()./-]*$/, message);
  const schema = v.pipe(v.string(), v.maxLength(40, message), pattern);
  return field(title, { autocomplete: 'tel', ...options }, { input: 'tel' }, numeric, schema);
}

/**
 * A decimal number from `min` to `max`, both included; kept with a decimal point and the digits that were typed.
 * @throws Error when there is no such number
 */
export function decimal(title: string, options: FieldOptions & { min: number; max: number }) {
  const { min, max } = options;
  const example = exampleWithin(options);
  const message = `Enter a number from ${min} to ${max}, like ${example}.`;
  const schema = v.pipe(
    v.string(),
    v.maxLength(maxDecimalLength, message),
    v.regex(plainDecimal, ({ input }) => {
      const readings = readingsWithin(input, options);
      return readings.length > 1
        ? `“${input}” can mean ${readings.join(' or ')}; write one of these.`
        : message;
    }),
    v.check((value) => Number(value) >= min && Number(value) <= max, message),
  );
  const normalise = (value: string) => decimalText(value, options);
  return field(title, options, { input: 'text', inputmode: 'decimal' }, normalise, schema);
}

/**
 * One of a few: `options` has the values and what people read for them. Of an object JavaScript moves values like '10' to the
 * front; pairs keep their order.
 * @throws Error when a value could never be chosen
 */
export function choice(
  title: string,
  options: FieldOptions & { options: Record<string, string> | readonly (readonly [string, string])[] },
) {
  const pairs = Array.isArray(options.options) ? options.options : Object.entries(options.options);
  const values = pairs.map(([value]) => value);
  const odd = values.find(
    (value, index) => oneLine(value) !== value || !value || values.indexOf(value) < index,
  );
  if (odd !== undefined)
    throw new Error(`choice: “${odd}” is empty, has white space around it, or comes twice in “${title}”.`);
  return field(title, options, { input: 'select', options: pairs }, oneLine, v.picklist(values));
}

/** What the page needs to know of a field; a field of plain valibot is shown as a line of text. */
export function widgetOf(schema: Field): Widget {
  return v.parse(Widget, metadataOf(schema)['widget'] ?? {});
}

/** Makes of what was typed what the field's schema is given. */
export function normaliserOf(schema: Field): (value: string) => string {
  return v.parse(Normaliser, metadataOf(schema)['normalise'] ?? oneLine);
}

const Normaliser = v.custom<(value: string) => string>((value) => typeof value === 'function');

/** Whether a field's address gets the mail that confirms the submission; 'maybe' when it is the only one. */
export function confirmationOf(schema: Field): Confirmation {
  return v.parse(Confirmation, metadataOf(schema)['confirmation'] ?? 'no');
}

const Confirmation = v.picklist(['yes', 'maybe', 'no']);
type Confirmation = v.InferOutput<typeof Confirmation>;

/** A field may be left empty if it says `required: false`, or if its schema is a `v.optional` or the like. */
export function isOptional(schema: Field): boolean {
  return ['optional', 'nullish', 'nullable', 'undefinedable', 'exact_optional'].includes(schema.type);
}

/** The label of a field. */
export function titleOf(schema: Field): string | undefined {
  return said(schema, v.getTitle);
}

/** The hint below the label. */
export function descriptionOf(schema: Field): string | undefined {
  return said(schema, v.getDescription);
}

function metadataOf(schema: Field): Record<string, unknown> {
  const { wrapped }: Wrapping = schema;
  return { ...(wrapped && metadataOf(wrapped)), ...v.getMetadata(schema) };
}

type Wrapping = Field & { wrapped?: Field };

/** Whoever wraps a field, as in `v.optional(email('E-mail'), '')`, means what it says of itself, too. */
function said<T>(schema: Wrapping, look: (schema: Wrapping) => T | undefined): T | undefined {
  return look(schema) ?? (schema.wrapped && said(schema.wrapped, look));
}

function field(
  title: string,
  options: FieldOptions,
  widget: v.InferInput<typeof Widget>,
  normalise: (value: string) => string,
  schema: v.GenericSchema<string, string>,
) {
  const { description, autocomplete, required = true } = options;
  const metadata = { widget: { ...widget, ...(autocomplete ? { autocomplete } : {}) }, normalise };
  const titled = v.pipe(required ? schema : v.optional(schema, ''), v.title(title), v.metadata(metadata));
  return description ? v.pipe(titled, v.description(description)) : titled;
}
