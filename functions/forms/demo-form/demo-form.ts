import { form, text } from 'formbus';
import * as v from 'valibot';

/** The form to copy. */
export const demoForm = form(
  'demo-form',
  v.object({
    name: text('Your name', { max: 100, autocomplete: 'name' }),
    message: text('Message', { max: 2000, lines: 6 }),
  }),
);
