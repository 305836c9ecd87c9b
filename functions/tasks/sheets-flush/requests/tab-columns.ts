import type { Batch } from '../../../lib/buffer/types.ts';
import type { Collaborators } from '../types.ts';
import type { TabLayout } from '../../../lib/sheets/layout.ts';
import { growingTabs, type ColumnsOf } from './tabs.ts';
import { sharedColumns } from '../../../lib/form-schema/sheet-columns.ts';

/** The columns for a batch's fields. The moderators' tab has fields of many forms, as texts under their names. */
export async function readColumns(
  { spreadsheetId, rows }: Batch,
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

/** A tab that somebody made beforehand has free columns; where, is only read for tabs that lack a column for a field. */
export async function withFreeColumns(
  layout: TabLayout[],
  { target, rows }: Pick<Batch, 'target' | 'rows'>,
  { sheets }: Pick<Collaborators, 'sheets'>,
): Promise<TabLayout[]> {
  const growing = new Set(growingTabs(rows, layout));
  return Promise.all(
    layout.map(async (tab) =>
      growing.has(tab) ? { ...tab, free: await sheets.firstFree(target, tab) } : tab,
    ),
  );
}
