import type { SQLTagStore } from 'node:sqlite';
import { createDeveloperMetadata, deleteDeveloperMetadata } from './developer-metadata.ts';
import {
  appendDimension,
  deleteDimension,
  insertDimension,
  moveDimension,
  updateDimensionProperties,
} from './dimensions.ts';
import { deleteDuplicates } from './delete-duplicates.ts';
import { appendCells, sortRange, updateCells } from './edit-cells.ts';
import { GoogleError, invalid } from '../grid/google-error.ts';
import { BatchUpdate, type SheetRequest } from '../schemas/requests.ts';
import { parseBody } from '../schemas/parse-body.ts';
import { getSpreadsheet } from '../grid/sheet.ts';
import type { Store } from '../grid/store.ts';
import { duplicateSheet } from './duplicate-sheet.ts';
import { addSheet, deleteSheet, updateSheetProperties } from './tabs.ts';
import { guessed, seen } from '../grid/texts.ts';

/**
 * Applies all requests of a body or none, in order, each seeing what those before it did.
 * @returns a reply per request, `{}` for kinds that have none; the change is on disk by then
 * @throws GoogleError of the first request that cannot be applied, naming it (`Invalid requests[1].addSheet: …`)
 */
export function batchUpdate(store: Store, spreadsheet: string, body: unknown): object {
  getSpreadsheet(store.sql, spreadsheet);
  const { requests } = parseBody(BatchUpdate, body);
  if (requests.length === 0) throw invalid(seen.noRequests);
  const replies = store.transaction(() =>
    requests.map((request, index) => {
      const kinds = Object.keys(request);
      if (kinds.length === 0) throw invalid(`Invalid requests[${index}]: ${guessed.noKind}`);
      if (kinds.length > 1)
        throw invalid(`Invalid requests[${index}]: ${guessed.severalKinds(kinds.join(', '))}`);
      try {
        return apply(store.sql, spreadsheet, request);
      } catch (error) {
        if (!(error instanceof GoogleError)) throw error;
        const message = `Invalid requests[${index}].${kinds[0]}: ${error.message}`;
        throw new GoogleError(error.code, error.status, message, error.details);
      }
    }),
  );
  return { spreadsheetId: spreadsheet, replies };
}

function apply(sql: SQLTagStore, spreadsheet: string, request: SheetRequest): object {
  if (request.createDeveloperMetadata) {
    return {
      createDeveloperMetadata: createDeveloperMetadata(sql, spreadsheet, request.createDeveloperMetadata),
    };
  }
  if (request.deleteDeveloperMetadata) {
    return {
      deleteDeveloperMetadata: deleteDeveloperMetadata(sql, spreadsheet, request.deleteDeveloperMetadata),
    };
  }
  if (request.addSheet) return { addSheet: addSheet(sql, spreadsheet, request.addSheet.properties) };
  if (request.duplicateSheet)
    return { duplicateSheet: duplicateSheet(sql, spreadsheet, request.duplicateSheet) };
  if (request.deleteSheet) deleteSheet(sql, spreadsheet, request.deleteSheet);
  if (request.updateSheetProperties) updateSheetProperties(sql, spreadsheet, request.updateSheetProperties);
  if (request.updateDimensionProperties) {
    updateDimensionProperties(sql, spreadsheet, request.updateDimensionProperties);
  }
  if (request.appendDimension) appendDimension(sql, spreadsheet, request.appendDimension);
  if (request.insertDimension) insertDimension(sql, spreadsheet, request.insertDimension);
  if (request.deleteDimension) deleteDimension(sql, spreadsheet, request.deleteDimension);
  if (request.moveDimension) moveDimension(sql, spreadsheet, request.moveDimension);
  if (request.updateCells) updateCells(sql, spreadsheet, request.updateCells);
  if (request.appendCells) appendCells(sql, spreadsheet, request.appendCells);
  if (request.sortRange) sortRange(sql, spreadsheet, request.sortRange);
  if (request.deleteDuplicates)
    return { deleteDuplicates: deleteDuplicates(sql, spreadsheet, request.deleteDuplicates) };
  return {};
}
