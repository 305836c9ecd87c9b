import { createHash } from 'node:crypto';
import * as v from 'valibot';
import { descriptionOf, isOptional, titleOf, widgetOf, type Field } from '../fields/field.ts';
import type { FieldError, FormSchema } from '../schema/form-schema.ts';
import { humanName } from '../schema/human-name.ts';
import { newId } from './submission-id.ts';

/** People never see this field; programs that fill in everything do. */
export const honeypot = '_url';
/** Serves as the idempotency key of a page: sending the same page twice counts once. */
export const tokenField = '_token';

export interface FormPage {
  name: string;
  schema: FormSchema;
  /** What the person had sent; shown again. */
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
    `<h1>${escape(title)}</h1>
${description ? `<p>${escape(description)}</p>` : ''}
${summary(schema, errors, notice)}
<form method="post" action="./" accept-charset="utf-8" novalidate>
${anyRequired ? '<p class="hint">Fields marked <span class="mark">*</span> are required.</p>' : ''}
${fields.map(([key, field]) => control(key, field, typed[key], messages.get(key))).join('\n')}
<div class="away" aria-hidden="true"><label for="${honeypot}">Leave this empty</label><input id="${honeypot}" name="${honeypot}" tabindex="-1" autocomplete="off"></div>
<input type="hidden" name="${tokenField}" value="${escape(token)}">
<button type="submit">Send</button>
</form>`,
  );
}

export function thanksPage({ name, schema, id }: { name: string; schema: FormSchema; id: string }): string {
  const title = v.getTitle(schema) ?? humanName(name);
  const reference = /^[\da-f-]{36}$/.test(id) ? `<p>Your reference: <code>${id}</code></p>` : '';
  return page(
    `Thank you – ${title}`,
    `<h1>Thank you</h1>\n<p>Your answers to “${escape(title)}” have been received.</p>\n${reference}\n<p><a href="./">Send another one</a></p>`,
  );
}

export function messagePage(title: string, message: string): string {
  return page(
    title,
    `<h1>${escape(title)}</h1>\n<p>${escape(message)}</p>\n<p><a href="./">Back to the form</a></p>`,
  );
}

function summary(schema: FormSchema, errors: FieldError[], notice: string | undefined): string {
  if (errors.length === 0)
    return notice ? `<div class="summary" role="alert"><h2>${escape(notice)}</h2></div>` : '';
  const items = errors.map(({ path, message }) => {
    const field = schema.entries[path];
    if (!field) return `<li>${escape(message)}</li>`;
    const label = labelOf(path, field);
    const text = message.includes(`“${label}”`) ? message : `${label}: ${message}`;
    return `<li><a href="#${escape(path)}">${escape(text)}</a></li>`;
  });
  return `<div class="summary" role="alert"><h2>Please check your answers</h2><ul>${items.join('')}</ul></div>`;
}

function labelOf(key: string, field: Field): string {
  return titleOf(field) ?? humanName(key);
}

function control(key: string, field: Field, typed: unknown, error: string | undefined): string {
  const { input, lines, options, autocomplete, inputmode } = widgetOf(field);
  const required = !isOptional(field);
  const value = typeof typed === 'string' ? typed : '';
  const hint = descriptionOf(field);
  const describedBy = [hint ? `${key}-hint` : '', error ? `${key}-error` : ''].filter(Boolean).join(' ');
  const attributes = [
    `id="${key}" name="${key}"`,
    required ? 'required' : '',
    autocomplete ? `autocomplete="${escape(autocomplete)}"` : '',
    inputmode ? `inputmode="${inputmode}"` : '',
    describedBy ? `aria-describedby="${describedBy}"` : '',
    error ? 'aria-invalid="true"' : '',
  ]
    .filter(Boolean)
    .join(' ');
  const shown = {
    text: () => `<input type="text" ${attributes} value="${escape(value)}">`,
    email: () => `<input type="email" ${attributes} value="${escape(value)}">`,
    tel: () => `<input type="tel" ${attributes} value="${escape(value)}">`,
    // A line feed straight after the tag is dropped by HTML; the one put there keeps one that was typed.
    textarea: () => `<textarea rows="${lines ?? 6}" ${attributes}>\n${escape(value)}</textarea>`,
    select: () =>
      `<select ${attributes}><option value="">Please choose</option>${options
        .map(
          ([option, label]) =>
            `<option value="${escape(option)}"${option === value ? ' selected' : ''}>${escape(label)}</option>`,
        )
        .join('')}</select>`,
  }[input]();
  return `<div class="field${error ? ' wrong' : ''}">
<label for="${key}">${escape(labelOf(key, field))}${required ? ' <span class="mark" aria-hidden="true">*</span>' : ' <span class="hint">(optional)</span>'}</label>
${hint ? `<p class="hint" id="${key}-hint">${escape(hint)}</p>` : ''}
${error ? `<p class="error" id="${key}-error"><span class="unseen">Error: </span>${escape(error)}</p>` : ''}
${shown}
</div>`;
}

const style = `
:root{color-scheme:light dark;--page:#f3f5f8;--paper:#fff;--field:#fff;--text:#1a2230;--quiet:#525d6e;--line:#6b7688;--accent:#1d5fd1;--hover:#174ca8;--wrong:#b3201d}
@media(prefers-color-scheme:dark){:root{--page:#12151a;--paper:#1b2028;--field:#12151a;--text:#e6e9ee;--quiet:#a9b2c0;--line:#7d889a;--accent:#8ab4f8;--hover:#b3cffb;--wrong:#ff8f88}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);font:1.0625rem/1.5 system-ui,sans-serif}
main{max-width:40rem;margin:0 auto;padding:2rem 1.25rem 3rem;background:var(--paper);min-height:100vh}
@media(min-width:44rem){main{margin:2.5rem auto;min-height:0;padding:2.5rem 3rem 3rem;border-radius:.75rem;box-shadow:0 1px 3px #1a223026}}
h1{font-size:1.75rem;line-height:1.2;margin:0 0 1rem}
h2{font-size:1.0625rem;margin:0}
.field{margin:0 0 1.5rem}
.wrong{border-left:.25rem solid var(--wrong);padding-left:.9rem}
label{display:block;font-weight:600;margin-bottom:.3rem}
input,textarea,select{width:100%;font:inherit;color:inherit;padding:.65rem .75rem;border:1px solid var(--line);border-radius:.4rem;background:var(--field);min-height:2.9rem}
input:focus,textarea:focus,select:focus,button:focus-visible,a:focus-visible{outline:3px solid var(--accent);outline-offset:1px}
[aria-invalid]{border:2px solid var(--wrong)}
.hint{color:var(--quiet);font-weight:400;font-size:.95rem;margin:0 0 .4rem}
form>.hint{margin-bottom:1.5rem}
.mark,.error{color:var(--wrong)}
.error{font-weight:600;margin:0 0 .4rem}
.summary{border:2px solid var(--wrong);border-radius:.4rem;padding:1rem 1.1rem;margin:0 0 1.5rem}
.summary ul{margin:.5rem 0 0;padding-left:1.2rem}
a{color:var(--accent)}
.summary a{color:var(--wrong)}
button{font:inherit;font-weight:600;color:var(--paper);background:var(--accent);border:0;border-radius:.4rem;padding:.8rem 2rem;min-height:2.9rem;cursor:pointer}
button:hover{background:var(--hover)}
code{overflow-wrap:anywhere}
.away{position:absolute;left:-100vw;width:1px;height:1px;overflow:hidden}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
@media(max-width:30rem){button{width:100%}}
`;

const styleHash = createHash('sha256').update(style).digest('base64');

export const pageHeaders = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${styleHash}'; form-action 'self'; base-uri 'none'`,
  'referrer-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
};

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
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

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
