/** Bars in groups: one colour for each series, one group for each label. */
export interface Bars {
  title: string;
  /** The unit of the numbers. */
  unit: string;
  series: string[];
  /** `values` in the order of the series; NaN for a missing value. */
  groups: { label: string; values: number[] }[];
  /** Groups to highlight when there is a single series. */
  stands?: (label: string) => boolean;
}

const width = 760;
const right = 90;
const barHeight = 18;
const colours = ['#8aa1b8', '#2a7f62', '#d98f3d'];

/** Horizontal bars with their values at their ends, as an SVG that is readable on light and dark pages. */
export function barPlot({ title, unit, series, groups, stands = () => false }: Bars): string {
  const left = 32 + Math.max(...groups.map(({ label }) => label.length)) * 7.1;
  const most = Math.max(...groups.flatMap(({ values }) => values.filter(Number.isFinite)));
  const groupHeight = series.length * (barHeight + 3) + 16;
  const top = series.length > 1 ? 84 : 60;
  const height = top + groups.length * groupHeight + 8;
  const scale = (width - left - right) / most;
  const bars = groups.flatMap(({ label, values }, g) => {
    const y = top + g * groupHeight;
    const middle = y + (series.length * (barHeight + 3)) / 2 + 4;
    return [
      text(left - 12, middle, label, 'end'),
      ...values.flatMap((value, s) => {
        if (!Number.isFinite(value)) return [];
        const at = y + s * (barHeight + 3);
        const long = Math.max(1, value * scale);
        const bar = `<rect x="${left}" y="${at}" width="${long.toFixed(1)}" height="${barHeight}" rx="2" fill="${colourOf(stands(label) ? 1 : s)}"/>`;
        return [bar, text(left + long + 6, at + 13, shown(value), 'start')];
      }),
    ];
  });
  const legend = series.length > 1 ? legendOf(series) : [];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(title)}" font-family="system-ui, sans-serif" font-size="13">`,
    `<rect width="${width}" height="${height}" rx="8" fill="#fcfcfa"/>`,
    text(20, 28, title, 'start', 'font-weight="600" font-size="15"'),
    text(20, 48, unit, 'start', 'fill-opacity="0.65"'),
    ...legend,
    `<line x1="${left}" y1="${top - 6}" x2="${left}" y2="${height - 12}" stroke="#888"/>`,
    ...bars,
    '</svg>\n',
  ].join('\n');
}

function legendOf(series: string[]): string[] {
  let x = 20;
  return series.flatMap((name, s) => {
    const at = x;
    x += 30 + name.length * 7;
    return [
      `<rect x="${at}" y="58" width="12" height="12" rx="2" fill="${colourOf(s)}"/>`,
      text(at + 18, 69, name, 'start'),
    ];
  });
}

function text(x: number, y: number, content: string, anchor: string, more = ''): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" fill="#222" ${more}>${escaped(content)}</text>`;
}

const colourOf = (index: number) => colours[index % colours.length] ?? '#888';
const shown = (value: number) => Number(value.toPrecision(3)).toLocaleString('en');
const escaped = (value: string) =>
  value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
