import { setTimeout as pause } from 'node:timers/promises';
import * as v from 'valibot';
import { connectRedis } from '../../../functions/lib/stores/redis-address.ts';
import { redisFailure } from '../client/redis.ts';
import { keys, luaKeys } from '../../../functions/lib/buffer/keys.ts';
import { mostSeenDays } from '../../../functions/lib/stores/seen-days.ts';
import { leaseMs, leaseScript, releaseScript, renewScript } from '../../../functions/lib/buffer/lease.ts';
import { mapOfHash } from '../../../functions/lib/buffer/types.ts';

/** All of a spreadsheet's states at one moment: a row is in one of them. Members as in `memberOf`. */
interface BufferStates {
  pending: string[];
  inFlight: string[];
  /** With Google's reason. */
  refused: Map<string, string>;
  parked: { reason: string; since: number } | undefined;
  /** Tabs that are parked by themselves; their rows are among those of `pending`. */
  parkedTabs: Map<string, { reason: string; since: number }>;
  /** Number of the last batch, '' before the first. As long as it stays, no further batch was made. */
  sequence: string;
}

/** The buffer as the audit sees it. All reject when Redis does not answer. */
export interface AuditedBuffer {
  /** Spreadsheets with rows to send, and those that are parked. */
  spreadsheets(): Promise<string[]>;
  states(spreadsheetId: string): Promise<BufferStates>;
  /** Ids of forgotten submissions. */
  forgotten(): Promise<Set<string>>;
  /**
   * Lets these ids come again, except those that wait or are in flight. Rows that Google refused wait again (`restored`); the other
   * ids are removed from the seen ones (`unseen`). Undefined when the sequence number has changed: then a batch was made, and what was
   * known is out of date.
   */
  takeBack(
    spreadsheetId: string,
    options: { tab: string; ids: string[]; sequence: string },
  ): Promise<{ unseen: string[]; restored: string[] } | undefined>;
  /** Runs `work` while no flush writes to the spreadsheet. @throws Error when a flush holds the lease for longer than the patience */
  withLease<T>(spreadsheetId: string, work: () => Promise<T>): Promise<T>;
  close(): void;
}

/** A flush that was killed holds its lease for 60 s; after this, waiting does not help. */
const patience = 90_000;
const commandTimeout = 60_000;

/** @param options.password for Redis and its Sentinels; @throws Error when Redis cannot be reached */
export async function openAuditedBuffer(
  url: string,
  { patienceMs = patience, password = process.env['REDIS_PASSWORD'] } = {},
): Promise<AuditedBuffer> {
  const redis = connectRedis(url, password, {
    lazyConnect: true,
    retryStrategy: () => null,
    sentinelRetryStrategy: () => null,
    commandTimeout,
    socketTimeout: commandTimeout,
  });
  redis.on('error', () => {});
  try {
    await redis.connect();
  } catch (cause) {
    throw redisFailure(url, cause);
  }
  const guard = <T>(work: Promise<T>) =>
    work.catch((cause: unknown) => {
      throw redisFailure(url, cause);
    });
  const run = async <S extends v.GenericSchema>(schema: S, script: string, args: (string | number)[]) =>
    v.parse(schema, await guard(redis.eval(script, 0, ...args)));

  return {
    spreadsheets: () => run(Texts, spreadsheetsScript, []),
    states: (spreadsheetId) => run(States, statesScript, [spreadsheetId]),
    forgotten: async () => new Set(await guard(redis.hkeys(keys.forgotten))),
    async takeBack(spreadsheetId, { tab, ids, sequence }) {
      const args = [spreadsheetId, sequence, tab, ...ids];
      const taken = await run(v.nullable(v.tuple([Texts, Texts])), takeBackScript, args);
      return taken ? { unseen: taken[0], restored: taken[1] } : undefined;
    },
    async withLease(spreadsheetId, work) {
      const holder = crypto.randomUUID();
      const take = () => run(v.number(), leaseScript, [spreadsheetId, holder, leaseMs]);
      for (const begin = performance.now(); (await take()) !== 1; await pause(250)) {
        if (performance.now() - begin > patienceMs)
          throw new Error(
            `${spreadsheetId} is being written without a pause; repair it when there is less to do`,
          );
      }
      const renewal = setInterval(() => {
        redis.eval(renewScript, 0, spreadsheetId, holder, leaseMs).catch(() => {});
      }, leaseMs / 3);
      try {
        return await work();
      } finally {
        clearInterval(renewal);
        await redis.eval(releaseScript, 0, spreadsheetId, holder);
      }
    },
    close: () => redis.disconnect(),
  };
}

const spreadsheetsScript = `
local found = redis.call('SMEMBERS', '${keys.sheets}')
for _, sheet in ipairs(redis.call('HKEYS', '${keys.parked}')) do found[#found + 1] = sheet end
return found
`;

/** ARGV: spreadsheet. */
const statesScript = `
${luaKeys}
local sheet = ARGV[1]
local refused = {}
for _, member in ipairs(redis.call('HKEYS', '${keys.refused}' .. sheet)) do
  local kept = cjson.decode(redis.call('HGET', '${keys.refused}' .. sheet, member))
  refused[#refused + 1] = { member, kept.reason }
end
local pending = redis.call('ZRANGE', '${keys.pending}' .. sheet, 0, -1)
local parkedTabs = redis.call('HGETALL', '${keys.parkedTabs}' .. sheet)
for i = 1, #parkedTabs, 2 do
  for _, member in ipairs(redis.call('ZRANGE', asideOf(sheet, parkedTabs[i]), 0, -1)) do pending[#pending + 1] = member end
end
return {
  pending,
  redis.call('ZRANGE', '${keys.inFlight}' .. sheet, 0, -1),
  refused,
  redis.call('HGET', '${keys.parked}', sheet) or '',
  redis.call('GET', '${keys.sequence}' .. sheet) or '',
  parkedTabs
}
`;

/**
 * ARGV: spreadsheet, its sequence number, tab, ids. Returns the ids that are no longer seen and those that wait again, nil when the number
 * has changed. It looks as many days back as a task may remember at most, by the clock that dated them.
 */
const takeBackScript = `
${luaKeys}
local sheet, tab = ARGV[1], ARGV[3]
if (redis.call('GET', '${keys.sequence}' .. sheet) or '') ~= ARGV[2] then return nil end
local today = math.floor(redis.call('TIME')[1] / 86400)
local seen = {}
for day = today + 1, today - ${mostSeenDays + 1}, -1 do
  local key = seenOf(sheet, day, tab)
  if redis.call('EXISTS', key) == 1 then seen[#seen + 1] = key end
end
local rows, refused, pending = '${keys.rows}' .. sheet, '${keys.refused}' .. sheet, '${keys.pending}' .. sheet
local unseen, restored = {}, {}
for i = 4, #ARGV do
  local member = memberOf(tab, ARGV[i])
  local isHeld = redis.call('HEXISTS', rows, member) == 1
    or redis.call('ZSCORE', pending, member)
    or redis.call('ZSCORE', '${keys.inFlight}' .. sheet, member)
  local kept = redis.call('HGET', refused, member)
  if kept and not isHeld then
    local row = cjson.decode(kept)
    redis.call('HSET', rows, member, row.cells)
    redis.call('ZADD', pending, string.format('%.0f', row.at), member)
    redis.call('SADD', '${keys.sheets}', sheet)
    redis.call('HDEL', refused, member)
    restored[#restored + 1] = ARGV[i]
  elseif not isHeld then
    for _, key in ipairs(seen) do redis.call('SREM', key, ARGV[i]) end
    unseen[#unseen + 1] = ARGV[i]
  end
end
return { unseen, restored }
`;

const Texts = v.array(v.string());
const Parked = v.pipe(v.string(), v.parseJson(), v.object({ reason: v.string(), since: v.number() }));
const MaybeParked = v.union([
  v.pipe(
    v.literal(''),
    v.transform(() => undefined),
  ),
  Parked,
]);
const States = v.pipe(
  v.tuple([
    Texts,
    Texts,
    v.array(v.tuple([v.string(), v.string()])),
    MaybeParked,
    v.string(),
    v.pipe(Texts, v.transform(mapOfHash), v.map(v.string(), Parked)),
  ]),
  v.transform(([pending, inFlight, refused, parked, sequence, parkedTabs]) => ({
    parkedTabs,
    pending,
    inFlight,
    refused: new Map(refused),
    parked,
    sequence,
  })),
);
