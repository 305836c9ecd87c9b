const units: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * A moment, as RFC 3339, or a time ago, as 30m, 12h, 2d. Gives milliseconds since 1970.
 * @throws Error when it is neither
 */
export function parseTime(option: string, text: string, now = Date.now()): number {
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const ago = units[unit];
  if (count !== undefined && ago !== undefined) return now - Number(count) * ago;
  const at = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(at))
    throw new Error(`${option} is a time such as 2026-01-31T12:00:00Z, or 30m, 12h, 2d ago; not ${text}`);
  return at;
}
