import { setTimeout as sleep } from 'node:timers/promises';
import * as v from 'valibot';
import type { Disk } from './disk.ts';
import { protectTab, setRevoked, unprotectAll } from './owner.ts';
import type { Step } from '../plan.ts';
import type { SentinelFaults } from './sentinel-faults.ts';
import { isRunning, pidsOf, signal } from './victims.ts';

export interface FaultsOptions {
  /** Of the gateway. */
  url: string;
  disk: Disk;
  /** For what is done to a Redis under Sentinel. */
  ofSentinels: SentinelFaults | undefined;
  /** The runner's process id at the moment. */
  runner: () => number;
  /** Starts the runner again after its end. */
  restart: () => Promise<void>;
  /** Ends what takes long. */
  aborted: AbortSignal;
}

export interface Faults {
  /** Does what a step says; a freeze of more than ten seconds goes on beside the steps after it. @throws Error when it can't be done right now */
  act(step: Step): Promise<void>;
  fireFlush(): Promise<void>;
  /** Puts right whatever is still wrong. */
  end(): Promise<void>;
}

/** Freezes up to this one hold up the steps after them. */
const briefMs = 10_000;
const callMs = 10_000;
/** Longer than it takes until the next flush is fired. */
const startsWithinMs = 6_000;

/** Does on a running Formbus what a plan says. */
export function openFaults({ url, disk, ofSentinels, runner, restart, aborted }: FaultsOptions): Faults {
  const frozen = new Map<number, NodeJS.Timeout | undefined>();
  const pause = (ms: number) => sleep(ms, undefined, { signal: aborted });

  async function act(step: Step): Promise<void> {
    if (ofSentinels?.concerns(step)) return ofSentinels.act(step);
    // Its own schedule is at night.
    if (step.what === 'audit') void fire('audit');
    switch (step.do) {
      case 'kill':
        if (step.what === 'runner') return killRunner();
        return signal(await victim(step), 'SIGKILL');
      case 'restart':
        return signal(await victim(step), 'SIGTERM');
      case 'freeze':
        return freeze(step);
      case 'fill':
        try {
          await disk.fill();
          return await pause(step.ms);
        } finally {
          disk.relieve();
        }
      case 'sheets': {
        const delay = ['delay', 'twice'].includes(step.what) ? { delayMs: step.ms } : {};
        return addFault({ kind: step.what, ...delay });
      }
      case 'edit':
        return edit(step);
      case 'revoke':
        setRevoked(disk.path, true);
        try {
          return await pause(step.ms);
        } finally {
          setRevoked(disk.path, false);
        }
      case 'protect':
        protectTab(disk.path, step.what);
        try {
          return await pause(step.ms);
        } finally {
          unprotectAll(disk.path);
        }
      case 'crowd':
        return crowd();
      case 'flush twice':
        await Promise.all([fireFlush(), fireFlush()]);
    }
  }

  /** One that is about to start, after its end or at zero, is waited for. */
  async function victim({ what, which }: Step): Promise<number> {
    for (const until = performance.now() + startsWithinMs; ; await pause(20)) {
      const pids = pidsOf(runner(), what);
      const pid = pids[Math.floor(which * pids.length)];
      if (pid !== undefined) return pid;
      if (performance.now() > until) throw new Error(`${what} does not run`);
    }
  }

  async function killRunner() {
    const pid = runner();
    signal(pid, 'SIGKILL');
    while (isRunning(pid)) await sleep(5);
    await restart();
  }

  async function freeze(step: Step) {
    const pid = await victim(step);
    signal(pid, 'SIGSTOP');
    frozen.set(pid, undefined);
    if (step.ms > briefMs) {
      frozen.set(
        pid,
        setTimeout(() => thaw(pid), step.ms),
      );
      return;
    }
    await pause(step.ms).finally(() => thaw(pid));
  }

  function thaw(pid: number) {
    clearTimeout(frozen.get(pid));
    if (frozen.delete(pid)) signal(pid, 'SIGCONT');
  }

  /** What a person does between a flush's look at a tab and its writing. */
  async function edit({ what, which }: Step) {
    const { sheets } = v.parse(Connections, await json(`${url}/_/connections`));
    const spreadsheet = v.parse(Spreadsheet, await json(`${sheets}/v4/spreadsheets/formbus`));
    const isCopy = ({ properties }: { properties: { title: string } }) =>
      properties.title.startsWith('Copy of');
    const tabs = spreadsheet.sheets.filter((sheet) => !isCopy(sheet));
    const tab = tabs[Math.floor(which * tabs.length)]?.properties;
    if (!tab) throw new Error('there is no tab yet');
    await addFault({ kind: 'edit', requests: [editOf(what, tab, which)] });
  }

  /** Tokens of an installation that is long gone fill what room there is for them. */
  async function crowd() {
    const { sheets } = v.parse(Connections, await json(`${url}/_/connections`));
    const address = `${sheets}/v4/spreadsheets/formbus`;
    const { developerMetadata } = v.parse(
      Crowd,
      await json(`${address}?fields=developerMetadata(metadataKey,metadataValue)`),
    );
    const used = developerMetadata.reduce(
      (sum, one) => sum + one.metadataKey.length + one.metadataValue.length,
      0,
    );
    const value = `${'0'.repeat(16)}gone0000000`;
    const requests = Array.from({ length: Math.floor((30_000 - used) / (2 + value.length)) }, () => ({
      createDeveloperMetadata: {
        developerMetadata: {
          metadataKey: 'fb',
          metadataValue: value,
          visibility: 'DOCUMENT',
          location: { spreadsheet: true },
        },
      },
    }));
    await addFault({ kind: 'edit', requests });
  }

  const post = (path: string, body: string) =>
    fetch(url + path, { method: 'POST', body, signal: AbortSignal.timeout(callMs) });
  const fire = async (schedule: string) => {
    // Nobody to fire it, or a flush that takes longer: both are part of the campaign.
    await post(`/_/schedules/${schedule}`, '').catch(() => {});
  };
  const fireFlush = () => fire('sheets-flush');
  async function addFault(fault: object) {
    const answer = await post('/_/sheets/faults', JSON.stringify(fault));
    if (!answer.ok) throw new Error(`the emulator refused the fault: ${await answer.text()}`);
  }

  return {
    act,
    fireFlush,
    async end() {
      for (const pid of frozen.keys()) thaw(pid);
      await ofSentinels?.end();
      disk.relieve();
      setRevoked(disk.path, false);
      unprotectAll(disk.path);
      await fetch(`${url}/_/sheets/faults`, { method: 'DELETE', signal: AbortSignal.timeout(callMs) });
    },
  };
}

async function json(address: string): Promise<unknown> {
  const answer = await fetch(address, { signal: AbortSignal.timeout(callMs) });
  return answer.json();
}

function editOf(what: string, { sheetId, gridProperties }: Properties, which: number): object {
  const { columnCount } = gridProperties;
  const at = Math.floor(which * columnCount);
  const range = { sheetId, dimension: 'COLUMNS', startIndex: at, endIndex: at + 1 };
  switch (what) {
    case 'insert column':
      return { insertDimension: { range } };
    case 'move heading':
      // One that deletes it, done twice, would delete somebody's row.
      return {
        moveDimension: {
          source: { sheetId, dimension: 'ROWS', startIndex: 0, endIndex: 1 },
          destinationIndex: 2,
        },
      };
    case 'copy tab':
      return { duplicateSheet: { sourceSheetId: sheetId, insertSheetIndex: 0 } };
    default:
      return { moveDimension: { source: range, destinationIndex: 0 } };
  }
}

const Connections = v.object({ sheets: v.string() });
const Properties = v.object({
  sheetId: v.number(),
  title: v.string(),
  gridProperties: v.object({ columnCount: v.number() }),
});
type Properties = v.InferOutput<typeof Properties>;
const Crowd = v.object({
  developerMetadata: v.optional(
    v.array(v.object({ metadataKey: v.string(), metadataValue: v.string() })),
    [],
  ),
});
const Spreadsheet = v.object({ sheets: v.array(v.object({ properties: Properties })) });
