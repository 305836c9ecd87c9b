import * as v from 'valibot';
import { connectRedis } from '../../../functions/lib/stores/redis-address.ts';
import { redisFailure } from '../client/redis.ts';
import { leaseScript, releaseScript } from '../../../functions/lib/buffer/buffer-scripts.ts';
import { mapOfHash } from '../../../functions/lib/buffer/parked-tabs.ts';

/** All of a spreadsheet's states at one moment: a row is in one of them. Members are `<tab>\n<id>`. */
interface BufferStates {
  pending: string[];
  frozen: string[];
  /** With Google's reason. */
  refused: Map<string, string>;
  parked: { reason: string; since: number } | undefined;
  /** Tabs that are parked by themselves; their rows are among those of `pending`. */
  parkedTabs: Map<string, { reason: string; since: number }>;
  /** Number of the last batch, '' before the first. As long as it stays, no row has left for the sheet that was not in a batch. */
  sequence: string;
}

/** The buffer as the audit sees it. All reject when Redis does not answer. */
export interface AuditedBuffer {
  /** Spreadsheets with rows to send, and those that are parked. */
  spreadsheets(): Promise<string[]>;
  states(spreadsheetId: string): Promise<BufferStates>;
  /** Ids of the submissions that were forgotten. */
  forgotten(): Promise<Set<string>>;
  /**
   * Makes these ids ready to come anew; those excepted that wait or are in flight. The ones that Google refused wait again
   * (`restored`), of the others it is forgotten that they were seen (`forgotten`). Undefined when the sequence number is another
   * one: then a batch was made, and what was known is out of date.
   */
  takeBack(
    spreadsheetId: string,
    options: { tab: string; ids: string[]; sequence: string },
  ): Promise<{ forgotten: string[]; restored: string[] } | undefined>;
  /** Runs `work` while no flush writes to the spreadsheet. @throws Error when a flush has it for longer than the patience */
  withLease<T>(spreadsheetId: string, work: () => Promise<T>): Promise<T>;
  close(): void;
}

/** A flush that was killed holds its lease for 60 s; longer than that is not to be waited for. */
const patience = 90_000;
const leaseMs = 60_000;
const commandTimeout = 60_000;

/** @param options.password for Redis and its Sentinels; @throws Error when Redis is not to be reached */
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
    forgotten: async () => new Set(await guard(redis.hkeys('buffer:forgotten'))),
    async takeBack(spreadsheetId, { tab, ids, sequence }) {
      const args = [spreadsheetId, sequence, tab, ...ids];
      const taken = await run(v.nullable(v.tuple([Texts, Texts])), takeBackScript, args);
      return taken ? { forgotten: taken[0], restored: taken[1] } : undefined;
    },
    async withLease(spreadsheetId, work) {
      const holder = crypto.randomUUID();
      const take = () => run(v.number(), leaseScript, [spreadsheetId, holder, leaseMs]);
      for (const begin = performance.now(); (await take()) !== 1; await pause(250)) {
        if (performance.now() - begin > patienceMs)
          throw new Error(
            `${spreadsheetId} is being written all the time; repair it when there is less to do`,
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
local found = redis.call('SMEMBERS', 'buffer:sheets')
for _, sheet in ipairs(redis.call('HKEYS', 'buffer:parked')) do found[#found + 1] = sheet end
return found
`;

/** ARGV: spreadsheet. */
const statesScript = `
local sheet = ARGV[1]
local refused = {}
for _, member in ipairs(redis.call('HKEYS', 'buffer:refused:' .. sheet)) do
  local kept = cjson.decode(redis.call('HGET', 'buffer:refused:' .. sheet, member))
  refused[#refused + 1] = { member, kept.reason }
end
local pending = redis.call('ZRANGE', 'buffer:pending:' .. sheet, 0, -1)
local parkedTabs = redis.call('HGETALL', 'buffer:parked-tabs:' .. sheet)
for i = 1, #parkedTabs, 2 do
  for _, member in ipairs(redis.call('ZRANGE', 'buffer:aside:' .. sheet .. ':' .. parkedTabs[i], 0, -1)) do pending[#pending + 1] = member end
end
return {
  pending,
  redis.call('ZRANGE', 'buffer:frozen:' .. sheet, 0, -1),
  refused,
  redis.call('HGET', 'buffer:parked', sheet) or '',
  redis.call('GET', 'buffer:sequence:' .. sheet) or '',
  parkedTabs
}
`;

/**
 * ARGV: spreadsheet, its sequence number, tab, ids. Gives the ids that are forgotten and those that wait again, nil when the number
 * is another one. The days are those that a task may remember at most, by the clock that they were given by.
 */
const takeBackScript = `
local sheet, tab = ARGV[1], ARGV[3]
if (redis.call('GET', 'buffer:sequence:' .. sheet) or '') ~= ARGV[2] then return nil end
local today = math.floor(redis.call('TIME')[1] / 86400)
local seen = {}
for day = today + 1, today - 401, -1 do
  local key = 'buffer:seen:' .. sheet .. ':' .. day .. ':' .. tab
  if redis.call('EXISTS', key) == 1 then seen[#seen + 1] = key end
end
local rows, refused, pending = 'buffer:rows:' .. sheet, 'buffer:refused:' .. sheet, 'buffer:pending:' .. sheet
local forgotten, restored = {}, {}
for i = 4, #ARGV do
  local member = tab .. '\\n' .. ARGV[i]
  local isHeld = redis.call('HEXISTS', rows, member) == 1
    or redis.call('ZSCORE', pending, member)
    or redis.call('ZSCORE', 'buffer:frozen:' .. sheet, member)
  local kept = redis.call('HGET', refused, member)
  if kept and not isHeld then
    local row = cjson.decode(kept)
    redis.call('HSET', rows, member, row.cells)
    redis.call('ZADD', pending, string.format('%.0f', row.at), member)
    redis.call('SADD', 'buffer:sheets', sheet)
    redis.call('HDEL', refused, member)
    restored[#restored + 1] = ARGV[i]
  elseif not isHeld then
    for _, key in ipairs(seen) do redis.call('SREM', key, ARGV[i]) end
    forgotten[#forgotten + 1] = ARGV[i]
  end
end
return { forgotten, restored }
`;

/** ARGV: spreadsheet, holder, milliseconds. */
const renewScript = `
if redis.call('GET', 'buffer:lease:' .. ARGV[1]) ~= ARGV[2] then return 0 end
return redis.call('PEXPIRE', 'buffer:lease:' .. ARGV[1], ARGV[3])
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
  v.transform(([pending, frozen, refused, parked, sequence, parkedTabs]) => ({
    parkedTabs,
    pending,
    frozen,
    refused: new Map(refused),
    parked,
    sequence,
  })),
);

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
