import type { Batch } from '../../../lib/buffer/types.ts';
import { metadataKeys } from '../../../lib/sheets/keys.ts';
import type { TabLayout } from '../../../lib/sheets/layout.ts';
import type { SheetRequest } from '../../../lib/sheets/sheets.ts';
import { fenced, tokenValue } from '../tokens.ts';
import { appendRequest } from './append.ts';
import { metadata } from './metadata.ts';
import { noColumns, readyTabs, type ColumnsOf } from './tabs.ts';

/**
 * The requests that write a batch, for one atomic batchUpdate. First the token: its id is the batch's sequence number, and because
 * an id cannot be given twice, Google refuses the whole batch when it is already written.
 */
export function batchRequests(
  batch: Batch,
  layout: TabLayout[],
  columnsOf: ColumnsOf = noColumns,
): SheetRequest[] {
  const requests: SheetRequest[] = [tokenRequest(batch, batch.digest)];
  for (const { tab, sheetId, columns, prepare, cells } of readyTabs(batch.rows, layout, columnsOf))
    requests.push(...prepare, appendRequest(sheetId, columns, cells, columnsOf(tab)));
  return requests;
}

/** Takes a batch's number out of use, so that a call with it that is still on its way cannot be carried out any more. */
export function fenceRequest(batch: Batch): SheetRequest {
  return tokenRequest(batch, fenced);
}

function tokenRequest(batch: Batch, content: string): SheetRequest {
  const value = tokenValue(batch, content);
  return metadata(metadataKeys.batch, value, { spreadsheet: true }, { metadataId: batch.sequence });
}
