/**
 * What Google says when it refuses, word for word as people quote the real service in public bug reports.
 * Ranges and indexes are Google's own: zero-based.
 */
export const seen = {
  notFound: 'Requested entity was not found.',
  denied: 'The caller does not have permission',
  invalidArgument: 'Request contains an invalid argument.',
  noRequests: 'Must specify at least one request.',
  noFields: "At least one field must be listed in 'fields'. (Use '*' to indicate all fields.)",
  unknownName: (name: string, at: string) =>
    `Invalid JSON payload received. Unknown name "${name}"${at && ` at '${at}'`}: Cannot find field.`,
  unknownParameter: (name: string) =>
    `Invalid JSON payload received. Unknown name "${name}": Cannot bind query parameter. ` +
    `Field '${name}' could not be found in request message.`,
  unknownPath: (path: string) =>
    `Error expanding 'fields' parameter. Cannot find matching fields for path '${path}'.`,
  titleTaken: (title: string) =>
    `A sheet with the name "${title}" already exists. Please enter another name.`,
  titleTooLong: 'The sheet name cannot be greater than 100 characters.',
  noGrid: (sheetId: number) => `No grid with id: ${sheetId}`,
  lastSheet: "You can't remove all the sheets in a document.",
  freezesAllRows: "You can't freeze all visible rows on the sheet.",
  deletesAllRows: "You can't delete all the rows on the sheet.",
  deletesAllUnfrozen: 'Sorry, it is not possible to delete all non-frozen rows.',
  noSuchRow: (row: number, count: number) =>
    `Cannot delete a row that doesn't exist. Tried to delete row index ${row} but there are only ${count} rows.`,
  columnBeyond: (column: number, last: number) =>
    `Attempting to write column: ${column}, beyond the last requested column of: ${last}`,
  afterLastRow: (row: number, last: number) =>
    `GridCoordinate.rowIndex[${row}] is after last row in grid[${last}]`,
  cellLimit: (limit: number) =>
    `This action would increase the number of cells in the workbook above the limit of ${limit} cells.`,
  protectedCell:
    'You are trying to edit a protected cell or object. Please contact the spreadsheet owner to remove protection if you need to edit.',
  unavailable: 'The service is currently unavailable.',
  cellTooLong: 'Your input contains more than the maximum of 50000 characters in a single cell.',
  unparsableRange: (range: string) => `Unable to parse range: ${range}`,
  beyondGrid: (range: string, rows: number, columns: number) =>
    `Range (${range}) exceeds grid limits. Max rows: ${rows}, max columns: ${columns}`,
  quota: (metric: string, limit: string, consumer: string) =>
    `Quota exceeded for quota metric '${metric}' and limit '${limit}' of service 'sheets.googleapis.com' ` +
    `for consumer '${consumer}'.`,
};

/**
 * NOT seen on the real service: that it refuses is documented (or follows from what is), how it words it is our
 * guess. Nothing may depend on these words.
 */
export const guessed = {
  notEmulated: (what: string) => `${what} is not emulated.`,
  noMethod: 'Method not found.',
  unreadableJson: (why: string) => `Invalid JSON payload received. ${why}`,
  unreadableBody: 'Could not decompress the request body.',
  bodyTooLarge: (limit: number) => `Request payload size exceeds the limit: ${limit} bytes.`,
  invalidValue: (at: string, why: string) => `Invalid value at '${at}': ${why}`,
  noKind: 'No request set.',
  severalKinds: (kinds: string) => `Only one kind of request may be set, there are: ${kinds}`,
  badMask: (mask: string) => `Invalid field mask: ${mask}`,
  metadataIdTaken: (id: number) => `Developer metadata with id ${id} already exists.`,
  metadataLimit: (limit: number) =>
    `The total length of developer metadata keys and values exceeds the limit of ${limit} characters.`,
  metadataLocation: 'Developer metadata must have exactly one location.',
  oneColumn: 'Developer metadata can only be bound to a single column.',
  sheetIdTaken: (sheetId: number) => `A sheet with the id ${sheetId} already exists.`,
  noTitle: 'The sheet name cannot be empty.',
  sheetLimit: (limit: number) =>
    `This action would increase the number of sheets above the limit of ${limit}.`,
  columnLimit: (limit: number) =>
    `This action would increase the number of columns above the limit of ${limit} columns.`,
  hidesAllSheets: "You can't hide all the sheets in a document.",
  insertsAtEnd: (start: number, count: number) =>
    `range.startIndex[${start}] must be less than the grid size (${count}) if inheritFromBefore is false.`,
  deletesAllColumns: "You can't delete all the columns on the sheet.",
  hidesAllColumns: "You can't hide all visible columns on the sheet.",
  noSuchColumn: (column: number, count: number) =>
    `Cannot delete a column that doesn't exist. Tried to delete column index ${column} but there are only ${count} columns.`,
  rowBeyond: (row: number, last: number) =>
    `Attempting to write row: ${row}, beyond the last requested row of: ${last}`,
  afterLastColumn: (column: number, last: number) =>
    `GridCoordinate.columnIndex[${column}] is after last column in grid[${last}]`,
  badRange: (start: number, end: number, count: number) =>
    `Range [${start}, ${end}) is empty or reaches beyond the ${count} there are.`,
  startOrRange: 'Exactly one of start and range must be set.',
  internal: 'Internal error encountered.',
  quotaFault: 'Quota exceeded, by a fault that was asked for.',
};
