import { metadataKeys } from '../../../lib/sheets/keys.ts';
import type { SheetRequest } from '../../../lib/sheets/sheets.ts';

type Location = NonNullable<
  NonNullable<NonNullable<SheetRequest['createDeveloperMetadata']>['developerMetadata']>['location']
>;

export function columnAt(sheetId: number, index: number) {
  return { dimensionRange: { sheetId, dimension: 'COLUMNS', startIndex: index, endIndex: index + 1 } };
}

/** Creates developer metadata; Google chooses an id when none is given. */
export function metadata(
  metadataKey: string,
  metadataValue: string,
  location: Location,
  id: { metadataId?: number } = {},
): SheetRequest {
  return {
    createDeveloperMetadata: {
      developerMetadata: { ...id, metadataKey, metadataValue, location, visibility: 'DOCUMENT' },
    },
  };
}

/** Writes into a full spreadsheet where its rows continue. */
export function successorRequest(spreadsheetId: string): SheetRequest {
  return metadata(metadataKeys.next, spreadsheetId, { spreadsheet: true });
}
