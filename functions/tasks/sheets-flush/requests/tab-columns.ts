import type { FrozenBatch } from '../../../lib/buffer/buffer.ts';
import type { Collaborators } from '../deliver.ts';
import type { TabLayout } from '../../../lib/sheets/layout.ts';
import { growingTabs, type ColumnsOf } from './batch.ts';
import { sharedColumns } from '../../../lib/schema/sheet-columns.ts';

/** What the fields of a batch are in its tabs. What comes to moderators has the fields of many forms, as texts under their names. */
export async function readColumns(
  { spreadsheetId, rows }: FrozenBatch,
  { buffer, columnsOfForm }: Collaborators,
): Promise<ColumnsOf> {
  if (!columnsOfForm) return () => ({});
  const tabs = [...new Set(rows.map(({ tab }) => tab))];
  const forms = await buffer.formsOf(spreadsheetId, tabs);
  const columns = await Promise.all(
    tabs.map(async (_, i) => sharedColumns(await Promise.all((forms[i] ?? []).map(columnsOfForm)))),
  );
  return (tab) => columns[tabs.indexOf(tab)] ?? {};
}

/** A tab that somebody made beforehand has columns that are free; only for fields that have none yet it is looked where. */
export async function withFreeColumns(
  layout: TabLayout[],
  { target, rows }: Pick<FrozenBatch, 'target' | 'rows'>,
  { sheets }: Pick<Collaborators, 'sheets'>,
): Promise<TabLayout[]> {
  const growing = new Set(growingTabs(rows, layout));
  return Promise.all(
    layout.map(async (tab) =>
      growing.has(tab) ? { ...tab, free: await sheets.firstFree(target, tab) } : tab,
    ),
  );
}
