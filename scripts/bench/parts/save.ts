import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { markdownOf, type About } from './markdown.ts';
import type { Measured } from './measured.ts';

/** Of the machine's processors, in percent. */
const mostOthers = 10;

/** Why figures are not worth keeping; none for good ones. */
export function flawsOf({ errors = 0, tables }: Measured, { others }: Pick<About, 'others'>): string[] {
  return [
    ...(tables.length === 0 ? ['nothing was measured'] : []),
    ...(errors > 0 ? [`${errors} answers were errors`] : []),
    // Where nobody can say how busy the machine was, it may have been.
    ...(others <= mostOthers
      ? []
      : [`other processes took ${Math.round(others)} % of the processors, and may take ${mostOthers} %`]),
  ];
}

/**
 * Writes the plots to `results/` in the folder and the tables to its README.md, between `<!-- NAME -->` and `<!-- /NAME -->`.
 * @throws Error when the README has no place for them
 */
export function saveFigures(folder: string, name: string, about: About, measured: Measured): void {
  const readme = join(folder, 'README.md');
  const text = readFileSync(readme, 'utf8');
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`${readme} has no place for the figures: ${begin} … ${end}`);
  const results = join(folder, 'results');
  mkdirSync(results, { recursive: true });
  for (const { file, svg } of measured.plots) writeFileSync(join(results, file), svg);
  const section = `${begin}\n\n${markdownOf(about, measured)}\n\n`;
  writeFileSync(readme, text.slice(0, from) + section + text.slice(to));
}
