import * as v from 'valibot';
import { text } from '../../lib/fields/fields.ts';
import { form } from '../../lib/form/form.ts';

/** The form to copy. */
export const demoForm = form(
  'demo-form',
  v.object({
    name: text('Your name', { max: 100, autocomplete: 'name' }),
    message: text('Message', { max: 2000, lines: 6 }),
  }),
);
