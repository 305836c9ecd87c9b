import { styleText } from 'node:util';
import type { View } from './history.ts';
import { shown } from './lines.ts';
import type { ServiceState } from './source.ts';

export interface ScreenSize {
  /** Characters and lines of the terminal. */
  width: number;
  height: number;
  colour: boolean;
}

type Style = Parameters<typeof styleText>[0];
interface Column {
  title: string;
  width: number;
  text(state: ServiceState): string;
}

const columns: Column[] = [
  { title: 'instances', width: 9, text: ({ ready, wanted }) => `${ready}→${shown(wanted)}` },
  { title: 'in flight', width: 9, text: ({ concurrency }) => shown(concurrency) },
  { title: 'req/s', width: 7, text: ({ perSecond }) => shown(perSecond) },
  { title: 'cold starts', width: 11, text: ({ coldStarts }) => String(coldStarts) },
];
const longestChart = 60;
const shortestChart = 8;
const narrowestName = 12;

/**
 * At most `height` lines of at most `width` characters: a line for each Service with the columns that fit, and a chart of its
 * instances over the last ticks. When not all Services fit, active ones come first.
 */
export function screenOf(view: View, { width, height, colour }: ScreenSize): string[] {
  const paint = (style: Style | undefined, text: string) =>
    colour && style ? styleText(style, text, { validateStream: false }) : text;
  const { services, problem } = view;
  const longest = Math.max(narrowestName, ...services.map(({ name }) => name.length + 1));
  const nameWidth = Math.min(longest, Math.max(narrowestName, width - 20));
  const fitting = columns.filter((_, index) => nameWidth + widthOf(columns.slice(0, index + 1)) <= width);
  const left = width - nameWidth - widthOf(fitting) - 2;
  const chartWidth = left < shortestChart ? 0 : Math.min(longestChart, left);

  const head = [
    `${'service'.padEnd(nameWidth)}${fitting.map(({ title, width }) => ` ${title.padStart(width)}`).join('')}`,
    chartWidth === 0 ? '' : `  instances, last ${chartWidth} s`.slice(0, chartWidth + 2),
  ].join('');
  const highest = Math.max(...[...view.instances.values()].flat().map((count) => count ?? 0));
  const rows = services.map((state) => {
    const past = view.instances.get(state.name) ?? [];
    const name = ` ${state.name}`.slice(0, nameWidth).padEnd(nameWidth);
    const cells = fitting.map((column) => ` ${column.text(state).padStart(column.width)}`).join('');
    const chart = chartWidth === 0 ? '' : `  ${chartOf(past, chartWidth, highest)}`;
    const isIdle = past.slice(-chartWidth || undefined).every((count) => !count) && !state.wanted;
    return { kind: state.kind, text: paint(styleOf(state, isIdle), name + cells) + chart, isIdle };
  });

  const title = titleOf(view, width);
  const bottom = problem === undefined ? [] : ['', ...wrap(problem, width).map((line) => paint('red', line))];
  const room = Math.max(0, height - 3 - bottom.length);
  const kinds = new Set(services.map(({ kind }) => kind)).size;
  const all = rows.length + kinds <= room;
  // The last line says how many are left out.
  const chosen = all
    ? rows
    : [...rows.filter(({ isIdle }) => !isIdle), ...rows.filter(({ isIdle }) => isIdle)];
  const body = all
    ? (['form', 'task'] as const).flatMap((kind) => {
        const own = rows.filter((row) => row.kind === kind).map(({ text }) => text);
        return own.length > 0 ? [paint('bold', `${kind}s`), ...own] : [];
      })
    : [
        ...chosen.slice(0, Math.max(0, room - 1)).map(({ text }) => text),
        ` … and ${rows.length - Math.max(0, room - 1)} more`,
      ];
  return [paint('bold', title), '', paint('dim', head.slice(0, width)), ...body, ...bottom].slice(0, height);
}

/** One block a tick, the newest at the right: an eighth of its height for an instance, or less when a Service has more than eight. */
function chartOf(past: (number | undefined)[], width: number, highest: number): string {
  const eighth = Math.max(8, highest) / 8;
  const blocks = past.slice(-width).map((count) => {
    if (count === undefined) return ' ';
    return count === 0 ? '·' : '▁▂▃▄▅▆▇█'.charAt(Math.ceil(count / eighth) - 1);
  });
  return blocks.join('').padStart(width);
}

/** Lines of at most that width, without control characters: text from outside must not steer the terminal. */
function wrap(text: string, width: number): string[] {
  const visible = text.replaceAll(/[\p{Cc}\p{Cf}]+/gu, ' ').trim();
  return (
    visible.match(
      new RegExp(`\\S.{0,${Math.max(0, width - 1)}}(?=\\s|$)|\\S{1,${Math.max(1, width)}}`, 'g'),
    ) ?? []
  );
}

function titleOf({ name, at, services }: View, width: number): string {
  const instances = services.reduce((sum, { ready }) => sum + ready, 0);
  const rates = services.map(({ perSecond }) => perSecond);
  const known = rates.flatMap((rate) => rate ?? []);
  const rate = known.length < rates.length ? undefined : known.reduce((a, b) => a + b, 0);
  const time = new Date(at).toTimeString().slice(0, 8);
  const left = `Formbus, ${name}`;
  const right = `${instances} instances, ${shown(rate)} requests/s   ${time}`;
  const text = left.length + right.length + 2 > width ? left : left + right.padStart(width - left.length);
  return text.slice(0, width);
}

function styleOf({ ready, wanted = ready }: ServiceState, isIdle: boolean): Style | undefined {
  if (isIdle) return 'dim';
  if (ready < wanted) return 'yellow';
  return ready > wanted ? 'cyan' : undefined;
}

const widthOf = (list: Column[]) => list.reduce((sum, { width }) => sum + width + 1, 0);
