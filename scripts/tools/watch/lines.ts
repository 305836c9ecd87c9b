import type { View } from './history.ts';
import type { ServiceState } from './source.ts';

/** Without a terminal: a line for each Service whose instances have changed since the last view, and for each problem. */
export function changesSince(before: View | undefined, now: View): string[] {
  const at = new Date(now.at).toISOString();
  const lines: string[] = [];
  if (now.problem !== before?.problem)
    lines.push(now.problem === undefined ? (before ? `${now.name} answers again` : '') : now.problem);
  for (const state of now.services) {
    const last = before?.services.find(({ name }) => name === state.name);
    if (keyOf(last) !== keyOf(state)) lines.push(lineOf(state));
  }
  for (const { name } of before?.services ?? [])
    if (!now.services.some((state) => state.name === name)) lines.push(`${name}  is gone`);
  return lines.filter(Boolean).map((line) => `${at}  ${line}`);
}

/** The same as one JSON object; unknown values are null. */
export function jsonOf({ at, services, problem }: View): string {
  const time = new Date(at).toISOString();
  if (problem !== undefined) return JSON.stringify({ at: time, problem });
  const known = services.map((state) => ({
    ...state,
    wanted: state.wanted ?? null,
    concurrency: state.concurrency ?? null,
    perSecond: state.perSecond === undefined ? null : Math.round(state.perSecond * 10) / 10,
  }));
  return JSON.stringify({ at: time, services: known });
}

/** Two or three significant digits; a dash for an unknown value. */
export function shown(value: number | undefined): string {
  if (value === undefined) return '–';
  return value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(value < 10 ? 2 : 3)));
}

function keyOf(state: ServiceState | undefined): string {
  return JSON.stringify([state?.ready, state?.wanted, state?.coldStarts]);
}

function lineOf({ name, kind, ready, wanted, concurrency, perSecond, coldStarts }: ServiceState): string {
  return `${kind} ${name}  ${ready}→${shown(wanted)} instances, ${shown(concurrency)} in flight, ${shown(perSecond)} requests/s, ${coldStarts} cold starts`;
}
