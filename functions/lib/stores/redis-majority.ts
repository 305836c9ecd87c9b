import { Redis } from 'ioredis';
import * as v from 'valibot';
import { groupCommit } from '../runtime/group-commit.ts';
import type { SentinelAddress } from './redis-address.ts';

/** The server at the far end of a connection. */
export interface Server {
  /** host:port, as the Sentinels named it. */
  address: string;
  /** Identifies the process: Redis chooses a new id at each start. */
  runId: string;
}

/** A Sentinel's view of the master. */
export interface Answer extends Server {
  flags: string[];
  /** Grows with each failover. */
  epoch: number;
}

/** `named`: a majority takes the server for the master and reaches it; `replaced`: another server is the master; `unsettled`: neither is certain. */
export type Verdict = 'named' | 'replaced' | 'unsettled';

export interface Majority {
  /**
   * Asks every Sentinel about the server. A write counts only when this began after its WAIT and returns `named`: a replaced master and
   * a replica that still follows it satisfy WAIT, and later discard the write. Calls that arrive together share one question.
   */
  verdictOn(server: Server): Promise<Verdict>;
  close(): void;
}

/** A Sentinel that is silent for this long, in milliseconds, is not asked again until it has answered. */
const silenceMs = 1_000;

/** Keeps a connection to each Sentinel. The address has to name all of them. */
export function openMajority({ sentinels, name }: SentinelAddress, password: string | undefined): Majority {
  const links = sentinels.map(({ host, port }) => {
    const link = new Redis(port, host, {
      ...(password === undefined ? {} : { password }),
      lazyConnect: true,
      enableOfflineQueue: false,
      enableReadyCheck: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      disableClientInfo: true,
      connectTimeout: silenceMs,
      socketTimeout: silenceMs,
      retryStrategy: (attempt) => Math.min(attempt * 50, 1_000),
    });
    // A Sentinel that cannot be reached simply has no answer.
    link.on('error', () => {});
    return { link, opened: link.connect().catch(() => {}) };
  });
  const needed = Math.floor(links.length / 2) + 1;
  const answers = async () => {
    const asked = links.map(async ({ link, opened }) => {
      await opened;
      return v.parse(SentinelMaster, await link.call('SENTINEL', 'MASTER', name));
    });
    return (await Promise.allSettled(asked)).flatMap((one) =>
      one.status === 'fulfilled' ? [one.value] : [],
    );
  };
  const ask = async (servers: Server[]) => {
    const found = await answers();
    return servers.map((server) => judge(found, server, needed));
  };
  return {
    verdictOn: groupCommit(ask, { max: Infinity }),
    close() {
      for (const { link } of links) link.disconnect();
    },
  };
}

/** Judges the Sentinels' answers about a server, which `needed` of them have to name. */
export function judge(answers: Answer[], { address, runId }: Server, needed: number): Verdict {
  const naming = answers.filter((one) => one.address === address);
  // A Sentinel that was cut off still has the old address, with the old epoch.
  const newest = Math.max(...naming.map(({ epoch }) => epoch));
  if (answers.some((one) => one.address !== address && one.epoch > newest)) return 'replaced';
  // The Sentinel that leads a failover promotes a replica before any other Sentinel knows.
  if (naming.some(({ flags }) => flags.includes('failover_in_progress'))) return 'unsettled';
  const certain = naming.filter(
    (one) =>
      // No s_down, o_down or disconnected: a Sentinel may be about to replace a master that it cannot reach.
      one.flags.join() === 'master' &&
      // Right after a failover it has no run id; a different one means that it has not seen the server since the restart.
      (one.runId === '' || one.runId === runId),
  );
  return certain.length >= needed ? 'named' : 'unsettled';
}

/** Redis's flat list of names and values. */
const Facts = v.pipe(
  v.array(v.string()),
  v.transform((list) => Object.fromEntries(list.flatMap((key, n) => (n % 2 ? [] : [[key, list[n + 1]]])))),
);
const SentinelMaster = v.pipe(
  Facts,
  v.object({
    ip: v.string(),
    port: v.string(),
    runid: v.string(),
    flags: v.string(),
    'config-epoch': v.pipe(v.string(), v.toNumber()),
  }),
  v.transform(({ ip, port, runid, flags, 'config-epoch': epoch }): Answer => ({
    address: `${ip}:${port}`,
    runId: runid,
    flags: flags.split(','),
    epoch,
  })),
);
