import { metadataKeys } from './keys.ts';
import type { Metadata, Tab } from './sheets-answers.ts';

/** A tab and where its columns are now, wherever people have moved them. */
export interface TabLayout {
  sheetId: number;
  title: string;
  /** What it was made for; undefined for a tab that is not Formbus's. */
  tab: string | undefined;
  /** The id of the sheet that was bound to the tab; in a copy that a person made it differs from `sheetId`. */
  boundAs: number | undefined;
  rowCount: number;
  columnCount: number;
  /** The first column that is free for another key; the one after the last, unless `firstFree` found another. */
  free: number;
  /** Column key → index, from 0. */
  columns: Map<string, number>;
  /** Column key → id of the developer metadata that binds it. */
  bindings: Map<string, number>;
}

/** Reads a tab as Google describes it. */
export function readTab({ properties, developerMetadata, data }: Tab): TabLayout {
  const columns = new Map<string, number>();
  const bindings = new Map<string, number>();
  for (const [index, column] of (data[0]?.columnMetadata ?? []).entries()) {
    const bound = entryOf(column.developerMetadata, metadataKeys.column);
    // A copied column has a copy of the binding; the leftmost counts.
    if (!bound || columns.has(bound.metadataValue)) continue;
    columns.set(bound.metadataValue, index);
    bindings.set(bound.metadataValue, bound.metadataId);
  }
  const { sheetId, title, gridProperties } = properties;
  const tab = entryOf(developerMetadata, metadataKeys.tab)?.metadataValue;
  const boundAs = entryOf(developerMetadata, metadataKeys.sheet);
  return {
    sheetId,
    title,
    tab,
    boundAs: boundAs && Number(boundAs.metadataValue),
    ...gridProperties,
    free: gridProperties.columnCount,
    columns,
    bindings,
  };
}

function entryOf(metadata: Metadata[], key: string): Metadata | undefined {
  return metadata.find(({ metadataKey }) => metadataKey === key);
}
