import { descriptionOf, isOptional, titleOf, widgetOf, type Field } from '../../fields/field.ts';
import { escapeHtml } from '../../runtime/escape-html.ts';
import { humanName } from '../../form-schema/human-name.ts';

/** A field's label. */
export function labelOf(key: string, field: Field): string {
  return titleOf(field) ?? humanName(key);
}

/** A field as HTML: label, hint, error and its widget. A new widget is one more case of `shown`. */
export function control(key: string, field: Field, typed: unknown, error: string | undefined): string {
  const { input, lines, options, autocomplete, inputmode } = widgetOf(field);
  const required = !isOptional(field);
  const value = typeof typed === 'string' ? typed : '';
  const hint = descriptionOf(field);
  const describedBy = [hint ? `${key}-hint` : '', error ? `${key}-error` : ''].filter(Boolean).join(' ');
  const attributes = [
    `id="${key}" name="${key}"`,
    required ? 'required' : '',
    autocomplete ? `autocomplete="${escapeHtml(autocomplete)}"` : '',
    inputmode ? `inputmode="${inputmode}"` : '',
    describedBy ? `aria-describedby="${describedBy}"` : '',
    error ? 'aria-invalid="true"' : '',
  ]
    .filter(Boolean)
    .join(' ');
  const shown = {
    text: () => `<input type="text" ${attributes} value="${escapeHtml(value)}">`,
    email: () => `<input type="email" ${attributes} value="${escapeHtml(value)}">`,
    tel: () => `<input type="tel" ${attributes} value="${escapeHtml(value)}">`,
    // A line feed straight after the tag is dropped by HTML; the one put there keeps one that was typed.
    textarea: () => `<textarea rows="${lines ?? 6}" ${attributes}>\n${escapeHtml(value)}</textarea>`,
    select: () =>
      `<select ${attributes}><option value="">Please choose</option>${options
        .map(
          ([option, label]) =>
            `<option value="${escapeHtml(option)}"${option === value ? ' selected' : ''}>${escapeHtml(label)}</option>`,
        )
        .join('')}</select>`,
  }[input]();
  return `<div class="field${error ? ' wrong' : ''}">
<label for="${key}">${escapeHtml(labelOf(key, field))}${required ? ' <span class="mark" aria-hidden="true">*</span>' : ' <span class="hint">(optional)</span>'}</label>
${hint ? `<p class="hint" id="${key}-hint">${escapeHtml(hint)}</p>` : ''}
${error ? `<p class="error" id="${key}-error"><span class="unseen">Error: </span>${escapeHtml(error)}</p>` : ''}
${shown}
</div>`;
}
