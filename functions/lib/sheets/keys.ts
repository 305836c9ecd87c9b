/** Keys of the columns that Formbus adds to a submission's own; a form's field cannot begin with @. */
export const idColumn = '@id';
export const timeColumn = '@time';

/** Keys of the developer metadata that bind Formbus's things in a spreadsheet; short, as 30,000 characters are all there is. */
export const metadataKeys = {
  batch: 'fb',
  tab: 'formbus.tab',
  sheet: 'formbus.sheet',
  column: 'formbus.column',
  next: 'formbus.next',
  last: 'formbus.last',
};
