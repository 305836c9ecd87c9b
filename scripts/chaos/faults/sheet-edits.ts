import * as v from 'valibot';
import type { Step } from '../plan.ts';

/** No call to a Formbus under faults may take longer. */
export const callMs = 10_000;

/** A request of the Sheets API, as Google would get it from a person's browser. */
type SheetRequest = Record<string, unknown>;

/** The Sheets API's limit for the metadata of one spreadsheet, in characters. */
const metadataLimit = 30_000;

/** The edit that a step says, of one of the tabs. @param sheets the API's address; @throws Error when there is no tab yet */
export async function editOf(sheets: string, { what, which }: Step): Promise<SheetRequest[]> {
  const spreadsheet = await read(Spreadsheet, `${sheets}/v4/spreadsheets/formbus`);
  const tabs = spreadsheet.sheets.filter(({ properties }) => !properties.title.startsWith('Copy of'));
  const tab = tabs[Math.floor(which * tabs.length)]?.properties;
  if (!tab) throw new Error('there is no tab yet');
  return [requestOf(what, tab, which)];
}

function requestOf(what: string, { sheetId, gridProperties }: Properties, which: number): SheetRequest {
  const at = Math.floor(which * gridProperties.columnCount);
  const range = { sheetId, dimension: 'COLUMNS', startIndex: at, endIndex: at + 1 };
  switch (what) {
    case 'insert column':
      return { insertDimension: { range } };
    case 'move heading':
      // Not deleted: a repeated deletion would take a row of data.
      return {
        moveDimension: {
          source: { sheetId, dimension: 'ROWS', startIndex: 0, endIndex: 1 },
          destinationIndex: 2,
        },
      };
    case 'copy tab':
      return { duplicateSheet: { sourceSheetId: sheetId, insertSheetIndex: 0 } };
    default:
      return { moveDimension: { source: range, destinationIndex: 0 } };
  }
}

/** Fills the rest of a spreadsheet's metadata with tokens of another installation. @param sheets the API's address */
export async function crowdOf(sheets: string): Promise<SheetRequest[]> {
  const fields = 'developerMetadata(metadataKey,metadataValue)';
  const { developerMetadata } = await read(Crowd, `${sheets}/v4/spreadsheets/formbus?fields=${fields}`);
  const used = developerMetadata.reduce(
    (sum, { metadataKey, metadataValue }) => sum + metadataKey.length + metadataValue.length,
    0,
  );
  const [metadataKey, metadataValue] = ['fb', `${'0'.repeat(16)}gone0000000`];
  const length = Math.floor((metadataLimit - used) / (metadataKey.length + metadataValue.length));
  return Array.from({ length }, () => ({
    createDeveloperMetadata: {
      developerMetadata: {
        metadataKey,
        metadataValue,
        visibility: 'DOCUMENT',
        location: { spreadsheet: true },
      },
    },
  }));
}

async function read<T extends v.GenericSchema>(schema: T, address: string): Promise<v.InferOutput<T>> {
  const answer = await fetch(address, { signal: AbortSignal.timeout(callMs) });
  return v.parse(schema, await answer.json());
}

const Properties = v.object({
  sheetId: v.number(),
  title: v.string(),
  gridProperties: v.object({ columnCount: v.number() }),
});
type Properties = v.InferOutput<typeof Properties>;
const Spreadsheet = v.object({ sheets: v.array(v.object({ properties: Properties })) });
const Crowd = v.object({
  developerMetadata: v.optional(
    v.array(v.object({ metadataKey: v.string(), metadataValue: v.string() })),
    [],
  ),
});
