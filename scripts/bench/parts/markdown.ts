import type { Measured, Table } from './measured.ts';

/** What was run, where and when. */
export interface About {
  command: string;
  machine: string;
  date: string;
  /** The share of the processors that other processes took meanwhile, in percent. */
  others: number;
}

/** Figures as Markdown. */
export function markdownOf(
  { command, machine, date, others }: About,
  { how, tables, goals }: Measured,
): string {
  const goalRows = goals.map(({ goal, measured, isReached }) => ({
    goal,
    measured,
    reached: isReached ? 'yes' : 'no',
  }));
  return [
    `\`${command}\`, ${date}, ${machine}; other processes took ${Math.round(others)} % of the processors;\n${how}.`,
    ...tables.map(({ title, rows }) => `${title}:\n\n${tableOf(rows)}`),
    ...(goals.length > 0 ? [`Goals:\n\n${tableOf(goalRows)}`] : []),
  ].join('\n\n');
}

function tableOf(rows: Table['rows']): string {
  const columns = Object.keys(rows[0] ?? {});
  const texts = [columns, ...rows.map((row) => columns.map((column) => String(row[column] ?? '')))];
  const widths = columns.map((_, i) => Math.max(...texts.map((text) => text[i]?.length ?? 0)));
  const line = (cells: string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  const [head = [], ...body] = texts;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n');
}
