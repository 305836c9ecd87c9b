import * as v from 'valibot';
import { oneLine } from './normalise.ts';

const Widget = v.object({
  input: v.optional(v.picklist(['text', 'email', 'tel', 'textarea', 'select']), 'text'),
  /** https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#autofill */
  autocomplete: v.optional(v.string()),
  inputmode: v.optional(v.picklist(['decimal'])),
  /** Height of a textarea. */
  lines: v.optional(v.number()),
  /** Values and their labels, in this order. */
  options: v.optional(v.array(v.tuple([v.string(), v.string()])), []),
});

/** How a field is shown on the form's page; form/page/control.ts draws it. */
export type Widget = v.InferOutput<typeof Widget>;

/** A field takes a text, normalised as its type wants it. */
export type Field = v.GenericSchema<string | null | undefined, string>;
export type FieldEntries = Record<string, Field>;

export interface FieldOptions {
  /** A hint shown below the label. */
  description?: string;
  autocomplete?: string;
  /** Left empty, a field that is not required is kept as ''. */
  required?: boolean;
}

/** What distinguishes one type of field from the others. */
interface FieldType {
  widget: v.InferInput<typeof Widget>;
  /** Turns what was typed into what `schema` checks and the event carries. */
  normalise: (value: string) => string;
  schema: v.GenericSchema<string, string>;
  /** What the cells of its column hold; 'text' by default. */
  column?: Column;
}

/**
 * Makes a field of a type. Each type is a file of this folder that calls this; it travels in the schema as valibot metadata.
 * A new type is such a file and its line in `lib/index.ts`. A new widget is also an entry of `Widget` above and a case in
 * form/page/control.ts; a new kind of cell one of `Column` below.
 */
export function field(
  title: string,
  { description, autocomplete, required = true }: FieldOptions,
  { widget, normalise, schema, column = 'text' }: FieldType,
) {
  const metadata = { widget: { ...widget, ...(autocomplete ? { autocomplete } : {}) }, normalise, column };
  const titled = v.pipe(required ? schema : v.optional(schema, ''), v.title(title), v.metadata(metadata));
  return description ? v.pipe(titled, v.description(description)) : titled;
}

/** What the page needs to know of a field; a field of plain valibot is shown as a line of text. */
export function widgetOf(schema: Field): Widget {
  return v.parse(Widget, metadataOf(schema)['widget'] ?? {});
}

/** The function that turns what was typed into what the field's schema checks. */
export function normaliserOf(schema: Field): (value: string) => string {
  return v.parse(Normaliser, metadataOf(schema)['normalise'] ?? oneLine);
}

const Normaliser = v.custom<(value: string) => string>((value) => typeof value === 'function');

/** What the cells of a field's column hold. */
export function columnOf(schema: Field): Column {
  return v.parse(Column, metadataOf(schema)['column'] ?? 'text');
}

export const Column = v.picklist(['text', 'number']);
type Column = v.InferOutput<typeof Column>;

/** Whether a field's address gets the mail that confirms the submission; 'maybe' when it is the only one. */
export function confirmationOf(schema: Field): Confirmation {
  return v.parse(Confirmation, metadataOf(schema)['confirmation'] ?? 'no');
}

const Confirmation = v.picklist(['yes', 'maybe', 'no']);
export type Confirmation = v.InferOutput<typeof Confirmation>;

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

/** A wrapper, as in `v.optional(email('E-mail'), '')`, also says what the field in it says. */
function said<T>(schema: Wrapping, look: (schema: Wrapping) => T | undefined): T | undefined {
  return look(schema) ?? (schema.wrapped && said(schema.wrapped, look));
}
