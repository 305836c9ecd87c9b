import type { DurableRedis } from '../stores/redis.ts';
import { keys } from './keys.ts';
import { evenWhenFull } from './lua.ts';

/** A process that was killed blocks a spreadsheet for no longer than this, in milliseconds. */
export const leaseMs = 60_000;

/** One process at a time writes to a spreadsheet. It saves quota; correctness does not rest on it. */
export interface Leases {
  /** Runs `work` unless another process holds the spreadsheet's lease. */
  withLease(spreadsheetId: string, work: () => Promise<void>): Promise<void>;
}

export function openLeases(redis: Pick<DurableRedis, 'run'>): Leases {
  /** Holders whose leases could not be released because Redis was away: they may use them again, or every process would wait until they expire. */
  const kept = new Map<string, string>();
  return {
    async withLease(spreadsheetId, work) {
      const holder = kept.get(spreadsheetId) ?? crypto.randomUUID();
      kept.delete(spreadsheetId);
      try {
        if ((await redis.run(leaseScript, [spreadsheetId, holder, leaseMs])) === 1) await work();
      } finally {
        await redis.run(releaseScript, [spreadsheetId, holder]).catch((error: unknown) => {
          kept.set(spreadsheetId, holder);
          throw error;
        });
      }
    },
  };
}

/** ARGV: spreadsheet, holder, milliseconds. Returns 1 when the holder has the lease, also if it had it already. */
export const leaseScript = `${evenWhenFull}
local key = '${keys.lease}' .. ARGV[1]
if redis.call('SET', key, ARGV[2], 'NX', 'PX', ARGV[3]) then return 1 end
return redis.call('GET', key) == ARGV[2] and redis.call('PEXPIRE', key, ARGV[3]) or 0
`;

/** ARGV: spreadsheet, holder. */
export const releaseScript = `${evenWhenFull}
if redis.call('GET', '${keys.lease}' .. ARGV[1]) == ARGV[2] then redis.call('DEL', '${keys.lease}' .. ARGV[1]) end
return 1
`;

/** ARGV: spreadsheet, holder, milliseconds. Returns 0 when the holder has lost the lease. */
export const renewScript = `
if redis.call('GET', '${keys.lease}' .. ARGV[1]) ~= ARGV[2] then return 0 end
return redis.call('PEXPIRE', '${keys.lease}' .. ARGV[1], ARGV[3])
`;
