import * as v from 'valibot';
import { emailAddress } from './email-address.ts';

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

/**
 * An e-mail address. With `confirm: true` it gets the mail that confirms the submission, with `false` it does not; a form's only
 * e-mail field gets it unless it says `false`.
 */
export function email(title: string, options: FieldOptions & { confirm?: boolean } = {}) {
  const { confirm, ...others } = options;
  const schema = emailAddress('Enter an e-mail address, like name@example.org.', notText);
  const shown = field(title, { autocomplete: 'email', ...others }, { input: 'email' }, schema);
  const wish: Confirmation = confirm === undefined ? 'maybe' : confirm ? 'yes' : 'no';
  return v.pipe(shown, v.metadata({ confirmation: wish }));
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
  let widget = widgets.get(schema);
  if (!widget) {
    widget = v.parse(Widget, v.getMetadata(schema)['widget'] ?? {});
    widgets.set(schema, widget);
  }
  return widget;
}

/** Each submission asks for each field's. */
const widgets = new WeakMap<Field, Widget>();

/** Whether a field's address gets the mail that confirms the submission; 'maybe' when it is the only one. */
export function confirmationOf(schema: Field): Confirmation {
  return v.parse(Confirmation, v.getMetadata(schema)['confirmation'] ?? 'no');
}

const Confirmation = v.picklist(['yes', 'maybe', 'no']);
type Confirmation = v.InferOutput<typeof Confirmation>;

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
