import * as v from 'valibot';
import { isOptional } from '../../fields/field.ts';
import { escapeHtml } from '../../runtime/escape-html.ts';
import type { FieldError, FormSchema } from '../../form-schema/form-schema.ts';
import { humanName } from '../../form-schema/human-name.ts';
import { control, labelOf } from './control.ts';
import { style } from './page-style.ts';
import { newId } from '../submission/submission-id.ts';

/** People never see this field; programs that fill in everything fill it in. */
export const honeypot = '_url';
/** The idempotency key of a page: sending the same page twice counts once. */
export const tokenField = '_token';

export interface FormPage {
  name: string;
  schema: FormSchema;
  /** What the person sent; shown again. */
  typed?: Record<string, unknown>;
  errors?: FieldError[];
  /** Something to say about the submission as a whole. */
  notice?: string;
}

/** The form as an accessible page of plain HTML: no script, no cookie. */
export function formPage({ name, schema, typed = {}, errors = [], notice }: FormPage): string {
  const title = v.getTitle(schema) ?? humanName(name);
  const description = v.getDescription(schema);
  const fields = Object.entries(schema.entries);
  const messages = new Map(errors.map(({ path, message }) => [path, message]));
  const token =
    typeof typed[tokenField] === 'string' && typed[tokenField] ? typed[tokenField] : newId(Date.now());
  const anyRequired = fields.some(([, field]) => !isOptional(field));
  return page(
    `${errors.length > 0 ? 'Error: ' : ''}${title}`,
    `<h1>${escapeHtml(title)}</h1>
${description ? `<p>${escapeHtml(description)}</p>` : ''}
${summary(schema, errors, notice)}
<form method="post" action="./" accept-charset="utf-8" novalidate>
${anyRequired ? '<p class="hint">Fields marked <span class="mark">*</span> are required.</p>' : ''}
${fields.map(([key, field]) => control(key, field, typed[key], messages.get(key))).join('\n')}
<div class="away" aria-hidden="true"><label for="${honeypot}">Leave this empty</label><input id="${honeypot}" name="${honeypot}" tabindex="-1" autocomplete="off"></div>
<input type="hidden" name="${tokenField}" value="${escapeHtml(token)}">
<button type="submit">Send</button>
</form>`,
  );
}

export function thanksPage({ name, schema, id }: { name: string; schema: FormSchema; id: string }): string {
  const title = v.getTitle(schema) ?? humanName(name);
  const reference = /^[\da-f-]{36}$/.test(id) ? `<p>Your reference: <code>${id}</code></p>` : '';
  return page(
    `Thank you – ${title}`,
    `<h1>Thank you</h1>\n<p>Your answers to “${escapeHtml(title)}” have been received.</p>\n${reference}\n<p><a href="./">Send another one</a></p>`,
  );
}

export function messagePage(title: string, message: string): string {
  return page(
    title,
    `<h1>${escapeHtml(title)}</h1>\n<p>${escapeHtml(message)}</p>\n<p><a href="./">Back to the form</a></p>`,
  );
}

function summary(schema: FormSchema, errors: FieldError[], notice: string | undefined): string {
  if (errors.length === 0)
    return notice ? `<div class="summary" role="alert"><h2>${escapeHtml(notice)}</h2></div>` : '';
  const items = errors.map(({ path, message }) => {
    const field = schema.entries[path];
    if (!field) return `<li>${escapeHtml(message)}</li>`;
    const label = labelOf(path, field);
    const text = message.includes(`“${label}”`) ? message : `${label}: ${message}`;
    return `<li><a href="#${escapeHtml(path)}">${escapeHtml(text)}</a></li>`;
  });
  return `<div class="summary" role="alert"><h2>Please check your answers</h2><ul>${items.join('')}</ul></div>`;
}

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${style}</style>
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`;
}
