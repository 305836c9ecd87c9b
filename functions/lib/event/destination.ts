import { Refused } from '../runtime/errors.ts';

/** The moderators' tab, for everything but plain submissions. */
const moderation = 'Moderation';

/**
 * Where an event's row goes. A tab's name has 1 to 100 characters; Google would refuse all rows of a batch because of one bad name.
 * @throws Refused when the attribute `sheet` is not `<spreadsheet id>/<tab, percent-encoded>`
 */
export function placeOf({ type, sheet }: { type: string; sheet: string }): {
  spreadsheetId: string;
  tab: string;
} {
  const [spreadsheetId = '', encoded = ''] = sheet.split('/');
  let tab = '';
  try {
    tab = decodeURIComponent(encoded);
  } catch {
    // Refused below.
  }
  if (!/^\P{Cc}{1,100}$/u.test(tab)) {
    throw new Refused('The tab in the attribute sheet is not a percent-encoded name of 1 to 100 characters.');
  }
  return { spreadsheetId, tab: type === 'form.submitted' ? tab : moderation };
}
