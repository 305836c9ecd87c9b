import * as v from 'valibot';
import { keys, luaKeys } from '../../lib/buffer/keys.ts';
import { mapOfHash } from '../../lib/buffer/types.ts';
import type { DurableRedis } from '../../lib/stores/redis.ts';
import type { Metric } from './totals.ts';

/** How long a scrape waits for Redis, in milliseconds; Prometheus waits 10 s in all. */
const patienceMs = 3_000;

/**
 * Returns a function that reads the gauges of the buffer and its Redis in one script, at a cost by the number of spreadsheets that have
 * something in the buffer. A spreadsheet that was seen once is 0 afterwards, and never disappears. The function never rejects: without Redis it
 * returns `formbus_redis_up` only.
 */
export function openBufferGauges(
  redis: Pick<DurableRedis, 'run'>,
  { waitMs = patienceMs } = {},
): () => Promise<Metric[]> {
  const known = new Set<string>();

  return async () => {
    const found = await look(redis, waitMs).catch(() => undefined);
    const up = gauge('formbus_redis_up', 'Whether Redis answers.', [{ labels: {}, value: found ? 1 : 0 }]);
    if (!found) return [up];
    const [info, now, sheets] = found;
    const bySheet = new Map(sheets.map(([sheet, ...states]) => [sheet, states]));
    for (const sheet of bySheet.keys()) known.add(sheet);
    const each = (value: (states: States) => number) =>
      [...known].map((sheet) => ({ labels: { sheet }, value: value(bySheet.get(sheet) ?? nothing) }));
    return [
      up,
      gauge('formbus_redis_replicas', 'Replicas of Redis that are online and acknowledged within 10 s.', [
        { labels: {}, value: goodReplicas(info) },
      ]),
      gauge('formbus_redis_memory_used_bytes', 'Memory that Redis uses.', [
        { labels: {}, value: bytesOf(info, 'used_memory') },
      ]),
      gauge('formbus_redis_memory_max_bytes', 'Memory that Redis may use; 0 is unlimited.', [
        { labels: {}, value: bytesOf(info, 'maxmemory') },
      ]),
      gauge(
        'formbus_buffer_rows',
        'Rows that wait or are in flight, by spreadsheet.',
        each(([rows]) => rows),
      ),
      gauge(
        'formbus_buffer_oldest_row_age_seconds',
        'Time since the oldest of these rows was submitted.',
        each(([, oldest]) => (oldest === '' ? 0 : Math.max(0, now - Number(oldest)) / 1_000)),
      ),
      gauge(
        'formbus_refused_rows',
        'Rows that Google refused and Formbus keeps aside, by spreadsheet.',
        each(([, , , refused]) => refused),
      ),
      gauge(
        'formbus_sheet_parked',
        '1 for a spreadsheet, or a tab of it, that cannot be written now, with the status that Google answered.',
        sheets.flatMap(([sheet, , , parked, , parkedTabs]) => [
          ...(parked === '' ? [] : [{ labels: { sheet, reason: statusIn(parked) }, value: 1 }]),
          ...[...mapOfHash(parkedTabs)].map(([tab, one]) => ({
            labels: { sheet, tab, reason: statusIn(one ?? '') },
            value: 1,
          })),
        ]),
      ),
    ];
  };
}

/** Rows, time of the oldest in milliseconds since 1970 or '', how it is parked or '', refused rows, parked tabs and how. */
const States = v.tuple([v.number(), v.string(), v.string(), v.number(), v.array(v.string())]);
type States = v.InferOutput<typeof States>;
const nothing: States = [0, '', '', 0, []];

const Found = v.tuple([v.string(), v.number(), v.array(v.tuple([v.string(), ...States.items]))]);

/** Returns INFO on replication and memory, the time, and the states of each spreadsheet. */
const lookScript = `
${luaKeys}
local clock = redis.call('TIME')
local result = {}
for _, sheet in ipairs(redis.call('SUNION', '${keys.sheets}', '${keys.refusing}')) do
  local inFlight, pending = '${keys.inFlight}' .. sheet, '${keys.pending}' .. sheet
  local parkedTabs = redis.call('HGETALL', '${keys.parkedTabs}' .. sheet)
  local places = { inFlight, pending }
  for i = 1, #parkedTabs, 2 do places[#places + 1] = asideOf(sheet, parkedTabs[i]) end
  local count, oldest = 0, nil
  for _, place in ipairs(places) do
    count = count + redis.call('ZCARD', place)
    local next = redis.call('ZRANGE', place, 0, 0, 'WITHSCORES')[2]
    if next and (not oldest or tonumber(next) < tonumber(oldest)) then oldest = next end
  end
  result[#result + 1] = {
    sheet,
    count,
    oldest or '',
    redis.call('SISMEMBER', '${keys.sheets}', sheet) == 1 and redis.call('HGET', '${keys.parked}', sheet) or '',
    redis.call('HLEN', '${keys.refused}' .. sheet),
    parkedTabs,
  }
end
return { redis.call('INFO', 'replication', 'memory'), clock[1] * 1000 + math.floor(clock[2] / 1000), result }
`;

async function look(redis: Pick<DurableRedis, 'run'>, waitMs: number) {
  let late: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    late = setTimeout(() => reject(new Error('Redis does not answer')), waitMs);
  });
  try {
    return v.parse(Found, await Promise.race([redis.run(lookScript, []), tooLate]));
  } finally {
    clearTimeout(late);
  }
}

/** Counted as Redis itself does for `min-replicas-to-write`. https://redis.io/docs/latest/commands/info/ */
function goodReplicas(info: string): number {
  const replicas = info.matchAll(/^slave\d+:.*\bstate=online\b.*\blag=(\d+)/gm);
  return [...replicas].filter(([, lag]) => Number(lag) <= 10).length;
}

function bytesOf(info: string, field: string): number {
  return Number(new RegExp(`^${field}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
}

const Parked = v.pipe(v.string(), v.parseJson(), v.object({ reason: v.string() }));

/** The status in Google's refusal; each text would be a label of its own. */
function statusIn(parked: string): string {
  const { success, output } = v.safeParse(Parked, parked);
  return (success && /^Google Sheets, .*?: (\d{3}),/.exec(output.reason)?.[1]) || 'other';
}

function gauge(name: string, help: string, values: Metric['values']): Metric {
  return { name, help, type: 'gauge', aggregator: 'first', values };
}
