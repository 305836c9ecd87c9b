const units: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * Reads a moment (RFC 3339) or a time ago (30m, 12h, 2d). Returns milliseconds since 1970.
 * @throws Error when it is neither, or before 1970
 */
export function parseTime(option: string, text: string, now = Date.now()): number {
  const at = ago(text, now) ?? moment(text);
  if (at === undefined)
    throw new Error(`${option} is a time such as 2026-01-31T12:00:00Z, or 30m, 12h, 2d ago; not ${text}`);
  if (at < 0) throw new Error(`${option} ${text} is before 1970`);
  return at;
}

/** The period of --from and --to, by default the whole past. @throws Error when one is not a time, or the period is empty */
export function parseTimes(
  given: { from?: string | undefined; to?: string | undefined },
  now = Date.now(),
): { from: number; to: number } {
  const from = given.from === undefined ? 0 : parseTime('--from', given.from, now);
  const to = given.to === undefined ? now : parseTime('--to', given.to, now);
  if (from >= to)
    throw new Error(
      `--from ${given.from} is not before ${given.to === undefined ? 'now' : `--to ${given.to}`}`,
    );
  return { from, to };
}

function ago(text: string, now: number): number | undefined {
  const [, count, unit = ''] = /^(\d+)([smhd])$/.exec(text) ?? [];
  const ms = units[unit];
  return count === undefined || ms === undefined ? undefined : now - Number(count) * ms;
}

/** Date.parse reads the 31st of February as the 3rd of March. */
function moment(text: string): number | undefined {
  const [, year, month, day] = /^(\d{4})-(\d\d)-(\d\d)(?![\d-])/.exec(text) ?? [];
  const isDay = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day))).getUTCDate() === Number(day);
  const at = Date.parse(text);
  return isDay && !Number.isNaN(at) ? at : undefined;
}
