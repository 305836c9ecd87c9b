import type { Cells } from '../buffer/types.ts';

/** https://support.google.com/drive/answer/37603: a cell holds 50,000 characters. */
const maxCell = 50_000;
const cutMark = ' … (cut)';

/** A cell as Google takes it. */
export interface SheetCell {
  userEnteredValue: { stringValue: string } | { numberValue: number } | { boolValue: boolean };
  userEnteredFormat?: { numberFormat: { type: string; pattern: string } };
}

/**
 * Shows a moment as CloudEvents writes it, whatever the spreadsheet's time zone is: the cell holds UTC.
 * https://developers.google.com/workspace/sheets/api/guides/formats
 */
const timeFormat = {
  numberFormat: { type: 'DATE_TIME', pattern: 'yyyy-mm-dd"T"hh:mm:ss.000"Z"' },
};
/** By the number of decimal places. */
const numberFormats = Array.from({ length: 16 }, (_, places) => ({
  numberFormat: { type: 'NUMBER', pattern: places === 0 ? '0' : `0.${'0'.repeat(places)}` },
}));

/** Texts are texts, never formulas, whatever they begin with. Numbers and times are such only where the cell shows exactly what was typed. */
export function cellOf(value: Cells[string], kind: 'text' | 'number' | 'time'): SheetCell {
  if (typeof value === 'number') return { userEnteredValue: { numberValue: value } };
  if (typeof value === 'boolean') return { userEnteredValue: { boolValue: value } };
  return (
    (kind === 'time' ? timeCell(value) : kind === 'number' ? numberCell(value) : undefined) ?? {
      userEnteredValue: { stringValue: cut(value).toWellFormed() },
    }
  );
}

/** Undefined where the number would not look as it was typed: a plus, leading zeros, more than 15 digits. */
function numberCell(text: string): SheetCell | undefined {
  const [, whole, fraction = ''] = /^-?(0|[1-9]\d*)(?:\.(\d+))?$/.exec(text) ?? [];
  if (whole === undefined || whole.length + fraction.length > 15) return undefined;
  const numberValue = Number(text);
  const format = numberFormats[fraction.length];
  if (!format || numberValue.toFixed(fraction.length) !== text) return undefined;
  return { userEnteredValue: { numberValue }, userEnteredFormat: format };
}

const msOfDay = 86_400_000;
/** Days from 1899-12-30, where spreadsheets begin to count, to 1970. */
const daysBefore1970 = 25_569;

function timeCell(text: string): SheetCell | undefined {
  const ms = Date.parse(text);
  if (!/^\d{4}-\d\d-\d\dT/.test(text) || Number.isNaN(ms)) return undefined;
  return {
    userEnteredValue: { numberValue: ms / msOfDay + daysBefore1970 },
    userEnteredFormat: timeFormat,
  };
}

/** Reads a cell of times, whether it holds a number or a text: ISO 8601, or whatever else the cell holds. */
export function timeIn(cell: string): string {
  const ms = /^\d+(?:\.\d+)?$/.test(cell)
    ? Math.round((Number(cell) - daysBefore1970) * msOfDay)
    : Date.parse(cell);
  return Number.isNaN(ms) || Math.abs(ms) > 8.64e15 ? cell : new Date(ms).toISOString();
}

/** Cuts a text to what a cell holds, between characters as people see them. */
function cut(text: string): string {
  if (text.length <= maxCell) return text;
  const end = maxCell - cutMark.length;
  const before = graphemes.segment(text.slice(0, end + longestGrapheme)).containing(end)?.index ?? end;
  return text.slice(0, Math.max(before, end - longestGrapheme)) + cutMark;
}

const graphemes = new Intl.Segmenter();
/** No person types a longer one; it is cut anywhere. */
const longestGrapheme = 100;
