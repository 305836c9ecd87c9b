/** Keys of the columns that Formbus adds to a submission's own; a form's field cannot begin with @. */
export const idColumn = '@id';
export const timeColumn = '@time';

/** Keys of the developer metadata that Formbus keeps in a spreadsheet; short, because it has 30,000 characters for all of it. */
export const metadataKeys = {
  batch: 'fb',
  tab: 'formbus.tab',
  sheet: 'formbus.sheet',
  column: 'formbus.column',
  next: 'formbus.next',
  last: 'formbus.last',
};
