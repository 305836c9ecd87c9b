import { Redis } from 'ioredis';
import * as v from 'valibot';
import { placeOf } from '../../functions/lib/place.ts';
import { openSheets } from '../../functions/lib/sheets.ts';
import { keyOf, type Found, type LoggedRow } from './reconcile.ts';

const Events = v.array(
  v.object({
    seq: v.number(),
    attributes: v.looseObject({
      id: v.string(),
      type: v.string(),
      sheet: v.optional(v.string()),
      form: v.optional(v.string()),
    }),
    waiting: v.array(v.string()),
    dead: v.array(v.string()),
  }),
);
const Connections = v.object({ redis: v.string(), sheets: v.nullable(v.string()) });
const Parked = v.pipe(v.string(), v.parseJson(), v.object({ reason: v.string(), since: v.number() }));

/** Triggers that bring rows to the buffer bear its name, with or without a suffix. */
const brings = (trigger: string) => /^sheets-buffer(-|$)/.test(trigger);

/**
 * Reads the log, then the buffer, then the sheets: the way that a row goes. What moves on between two of them is seen in the
 * later one, so nothing that is on its way is taken for missing.
 * @throws Error that says what to do when Formbus does not answer at `url`
 */
export async function collect(
  url: string,
  say: (line: string) => void,
): Promise<{ log: LoggedRow[]; found: Found }> {
  const connections = v.parse(Connections, await read(url, '/_/connections'));
  say('reading the log');
  const log: LoggedRow[] = [];
  for (let after = 0; ;) {
    const page = v.parse(Events, await read(url, `/_/events?after=${after}`));
    const last = page.at(-1);
    if (!last) break;
    after = last.seq;
    for (const { attributes, waiting, dead } of page) {
      const { id, type, sheet, form } = attributes;
      if (sheet === undefined || form === undefined) continue;
      const place = placeOf({ type, sheet });
      log.push({ ...place, id, form, waiting: waiting.some(brings), dead: dead.some(brings) });
    }
  }
  const spreadsheets = [...new Set(log.map(({ spreadsheetId }) => spreadsheetId))];
  say(`reading the buffer and ${spreadsheets.length} spreadsheets`);
  const found: Found = {
    buffered: new Set(),
    frozen: new Set(),
    refused: new Set(),
    inSheet: new Map(),
    parked: [],
  };
  const redis = new Redis(connections.redis, { lazyConnect: true, retryStrategy: () => null });
  try {
    await redis.connect();
    for (const spreadsheetId of spreadsheets) await readBuffer(redis, spreadsheetId, found);
  } finally {
    redis.disconnect();
  }
  const sheets = openSheets({ SHEETS_URL: connections.sheets ?? undefined });
  for (const spreadsheetId of spreadsheets) {
    try {
      for (const tab of await sheets.layout(spreadsheetId)) {
        const index = tab.columns.get('@id');
        if (tab.tab === undefined || index === undefined) continue;
        for (const id of await sheets.column(spreadsheetId, tab, index)) {
          const key = keyOf({ spreadsheetId, tab: tab.tab, id });
          found.inSheet.set(key, (found.inSheet.get(key) ?? 0) + 1);
        }
      }
    } catch (error) {
      found.parked.push({
        spreadsheetId,
        reason: error instanceof Error ? error.message : 'unreadable',
        since: undefined,
      });
    }
  }
  return { log, found };
}

/** All of a spreadsheet's states at one moment: a row is in one of them. */
async function readBuffer(redis: Redis, spreadsheetId: string, found: Found): Promise<void> {
  const members = v.array(v.string());
  const script =
    "return { redis.call('ZRANGE', 'buffer:pending:' .. ARGV[1], 0, -1), redis.call('ZRANGE', 'buffer:frozen:' .. ARGV[1], 0, -1), " +
    "redis.call('HKEYS', 'buffer:refused:' .. ARGV[1]), redis.call('HGET', 'buffer:parked', ARGV[1]) or '' }";
  const States = v.tuple([members, members, members, v.string()]);
  const [pending, frozen, refused, parked] = v.parse(States, await redis.eval(script, 0, spreadsheetId));
  const keys = (list: string[]) => list.map((member) => `${spreadsheetId}\n${member}`);
  for (const key of keys(pending)) found.buffered.add(key);
  for (const key of keys(frozen)) found.frozen.add(key);
  for (const key of keys(refused)) found.refused.add(key);
  if (parked !== '') found.parked.push({ spreadsheetId, ...v.parse(Parked, parked) });
}

async function read(url: string, path: string): Promise<unknown> {
  const answer = await fetch(url + path).catch((cause: unknown) => {
    throw new Error(
      `Formbus does not answer at ${url}; start it with npm start, or say where it is with --url`,
      { cause },
    );
  });
  if (!answer.ok) throw new Error(`${url}${path} answered ${answer.status}; is that Formbus?`);
  return answer.json();
}
