import { setTimeout as sleep } from 'node:timers/promises';
import * as v from 'valibot';
import type { Step } from '../plan.ts';
import type { Disk } from './disk.ts';
import { protectTab, setRevoked, unprotectAll } from './owner.ts';
import { openProcessFaults } from './process-faults.ts';
import type { SentinelFaults } from './sentinel-faults.ts';
import { callMs, crowdOf, editOf } from './sheet-edits.ts';

export interface FaultsOptions {
  /** The gateway's address. */
  url: string;
  disk: Disk;
  /** Takes the steps that concern a Redis under Sentinel. */
  ofSentinels: SentinelFaults | undefined;
  /** The runner's current process id. */
  runner: () => number;
  /** Starts the runner again after its end. */
  restart: () => Promise<void>;
  /** Ends every wait. */
  aborted: AbortSignal;
}

export interface Faults {
  /** Does what a step says. A freeze of more than ten seconds continues during later steps. @throws Error when it is impossible now */
  act(step: Step): Promise<void>;
  fireFlush(): Promise<void>;
  /** Undoes every fault that still lasts. */
  end(): Promise<void>;
}

/** Opens the faults that a plan can name, for a running Formbus. */
export function openFaults(options: FaultsOptions): Faults {
  const { url, disk, ofSentinels, aborted } = options;
  const processes = openProcessFaults(options);

  /** A fault that lasts as long as its step, and is undone in any case. */
  async function during({ ms }: Step, begin: () => void | Promise<void>, undo: () => void) {
    try {
      await begin();
      await sleep(ms, undefined, { signal: aborted });
    } finally {
      undo();
    }
  }

  async function act(step: Step): Promise<void> {
    if (ofSentinels?.concerns(step)) return ofSentinels.act(step);
    // The audit is started here, because its schedule is at night.
    if (step.what === 'audit') void fire('audit');
    const unprotect = () => unprotectAll(disk.path);
    switch (step.do) {
      case 'kill':
        return processes.kill(step);
      case 'restart':
        return processes.terminate(step);
      case 'freeze':
        return processes.freeze(step);
      case 'fill':
        return during(step, disk.fill, disk.relieve);
      case 'revoke':
        return during(
          step,
          () => setRevoked(disk.path, true),
          () => setRevoked(disk.path, false),
        );
      case 'protect':
        return during(step, () => protectTab(disk.path, step.what), unprotect);
      case 'sheets': {
        const delay = ['delay', 'twice'].includes(step.what) ? { delayMs: step.ms } : {};
        return addFault({ kind: step.what, ...delay });
      }
      // A person's edits, done between a flush's look at a tab and its write.
      case 'edit':
        return addFault({ kind: 'edit', requests: await editOf(await sheets(), step) });
      case 'crowd':
        return addFault({ kind: 'edit', requests: await crowdOf(await sheets()) });
      case 'flush twice':
        await Promise.all([fireFlush(), fireFlush()]);
    }
  }

  const post = (path: string, body: string) =>
    fetch(url + path, { method: 'POST', body, signal: AbortSignal.timeout(callMs) });
  const fire = async (schedule: string) => {
    // It may find no runner, or a flush that takes longer: both belong to the campaign.
    await post(`/_/schedules/${schedule}`, '').catch(() => {});
  };
  const fireFlush = () => fire('sheets-flush');

  async function sheets(): Promise<string> {
    const answer = await fetch(`${url}/_/connections`, { signal: AbortSignal.timeout(callMs) });
    return v.parse(Connections, await answer.json()).sheets;
  }

  async function addFault(fault: object) {
    const answer = await post('/_/sheets/faults', JSON.stringify(fault));
    if (!answer.ok) throw new Error(`the emulator refused the fault: ${await answer.text()}`);
  }

  return {
    act,
    fireFlush,
    async end() {
      processes.end();
      await ofSentinels?.end();
      disk.relieve();
      setRevoked(disk.path, false);
      unprotectAll(disk.path);
      await fetch(`${url}/_/sheets/faults`, { method: 'DELETE', signal: AbortSignal.timeout(callMs) });
    },
  };
}

const Connections = v.object({ sheets: v.string() });
