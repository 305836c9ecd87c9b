import * as v from 'valibot';

const Widget = v.object({
  input: v.optional(v.picklist(['text', 'email', 'tel', 'textarea', 'select']), 'text'),
  /** https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#autofill */
  autocomplete: v.optional(v.string()),
  inputmode: v.optional(v.picklist(['decimal'])),
  /** Height of a textarea. */
  lines: v.optional(v.number()),
  /** Values and what people read for them. */
  options: v.optional(v.record(v.string(), v.string())),
  required: v.optional(v.boolean(), true),
});

/** How a field is shown on the form's page; travels in the schema as valibot metadata. */
export type Widget = v.InferOutput<typeof Widget>;

/** A field takes sanitized text; one that is left out and not required gives ''. */
export type Field = v.GenericSchema<string | undefined, string>;
export type FieldEntries = Record<string, Field>;

interface FieldOptions {
  /** A hint shown below the label. */
  description?: string;
  autocomplete?: string;
  required?: boolean;
}

/** Free text of at most `max` UTF-16 code units, as JavaScript and HTML count; with `lines`, a text of several lines. */
export function text(title: string, options: FieldOptions & { max: number; lines?: number }) {
  const { max, lines } = options;
  const schema = v.pipe(
    v.string(notText),
    v.nonEmpty(),
    v.maxLength(max, ({ input }) => `Use at most ${max} characters; there are ${input.length}.`),
  );
  return field(title, options, lines ? { input: 'textarea', lines } : { input: 'text' }, schema);
}

/** An e-mail address as browsers know it, with a dot in its domain, of at most 254 characters (RFC 5321, 4.5.3.1.3). */
export function email(title: string, options: FieldOptions = {}) {
  const message = 'Enter an e-mail address, like name@example.org.';
  const schema = v.pipe(
    v.string(notText),
    v.rfcEmail(message),
    v.regex(/@.+\..+$/, message),
    v.maxLength(254, message),
  );
  return field(title, { autocomplete: 'email', ...options }, { input: 'email' }, schema);
}

/** A telephone number of 7 to 15 digits (15 is the most in ITU-T E.164), with spaces, dots, dashes, brackets and a leading + as people write it. */
export function phone(title: string, options: FieldOptions = {}) {
  const message = 'Enter a telephone number of 7 to 15 digits.';
  const pattern = v.regex(/^\+?(?:[ ().-]*\d){7,15}[ ().-]*$/, message);
  const schema = v.pipe(v.string(notText), v.maxLength(40, message), pattern);
  return field(title, { autocomplete: 'tel', ...options }, { input: 'tel' }, schema);
}

/** A decimal number from `min` to `max`, kept as it was typed. */
export function decimal(title: string, options: FieldOptions & { min: number; max: number }) {
  const { min, max } = options;
  const message = `Enter a number from ${min} to ${max}, like ${min + (max - min) / 2 + 0.5}.`;
  const schema = v.pipe(
    v.string(notText),
    v.maxLength(30, message),
    v.regex(/^[+-]?\d+(?:\.\d+)?$/, message),
    v.check((value) => Number(value) >= min && Number(value) <= max, message),
  );
  return field(title, options, { input: 'text', inputmode: 'decimal' }, schema);
}

/** One of a few: `options` maps the values to what people read. */
export function choice(title: string, options: FieldOptions & { options: Record<string, string> }) {
  const message = `Choose one of: ${Object.entries(options.options)
    .map(([value, label]) => `${value} (${label})`)
    .join(', ')}.`;
  return field(
    title,
    options,
    { input: 'select', options: options.options },
    v.picklist(Object.keys(options.options), message),
  );
}

/** What the page needs to know of a field; a field of plain valibot is shown as a line of text. */
export function widgetOf(schema: Field): Widget {
  return v.parse(Widget, v.getMetadata(schema)['widget'] ?? {});
}

const notText = 'Send this as a text.';

function field(
  title: string,
  options: FieldOptions,
  widget: v.InferInput<typeof Widget>,
  schema: v.GenericSchema<string, string>,
) {
  const { description, autocomplete, required = true } = options;
  const metadata = { widget: { ...widget, ...(autocomplete ? { autocomplete } : {}), required } };
  const titled = v.pipe(required ? schema : v.optional(schema, ''), v.title(title), v.metadata(metadata));
  return description ? v.pipe(titled, v.description(description)) : titled;
}
