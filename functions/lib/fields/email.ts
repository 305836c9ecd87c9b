import * as v from 'valibot';
import { emailAddress } from './email-address.ts';
import { field, type Confirmation, type FieldOptions } from './field.ts';
import { address } from './normalise.ts';

/**
 * A field for an e-mail address. With `confirm: true` the address gets the mail that confirms the submission, with `false` it does not;
 * a form's only e-mail field gets it unless it says `false`.
 *
 * @example
 * ```ts
 * email('Your address', { confirm: true })
 * ```
 */
export function email(title: string, options: FieldOptions & { confirm?: boolean } = {}) {
  const { confirm, ...others } = options;
  const shown = field(
    title,
    { autocomplete: 'email', ...others },
    {
      widget: { input: 'email' },
      normalise: address,
      schema: emailAddress('Enter an e-mail address, like name@example.org.'),
    },
  );
  const confirmation: Confirmation = confirm === undefined ? 'maybe' : confirm ? 'yes' : 'no';
  return v.pipe(shown, v.metadata({ confirmation }));
}
