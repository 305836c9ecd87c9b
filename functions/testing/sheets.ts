import * as v from 'valibot';
import { ask } from './services.ts';

/** What the next calls meet, as scripts/emulators/sheets/faults.ts has it. */
interface Fault {
  kind: string;
  calls?: 'read' | 'write';
  times?: number;
  delayMs?: number;
  requests?: object[];
}

/** The Google Sheets of this machine, in the process of the test run. Its own quotas never refuse. */
export interface TestSheets {
  /** The API's root, for SHEETS_URL. */
  url: string;
  /** Makes spreadsheets that are missing. */
  make(spreadsheets: string[]): Promise<void>;
  /** Withdraws everybody's access to a spreadsheet (403), or restores it. */
  setRevoked(spreadsheet: string, isRevoked: boolean): Promise<void>;
  /** Protects a tab, or one of its columns by its index, from all who use the API, or lifts all protection of the tab. */
  setProtected(spreadsheet: string, title: string, protection: boolean | { column: number }): Promise<void>;
  faults: { add(faults: Fault[]): Promise<void>; clear(): Promise<void> };
  /** How many calls a fault still holds back. */
  pending(): Promise<number>;
  close(): Promise<void>;
}

export async function startTestSheets(spreadsheets: string[] = []): Promise<TestSheets> {
  const { id, url } = await ask(v.object({ id: v.string(), url: v.string() }), 'sheets', spreadsheets);
  const call = async (name: string, ...args: unknown[]) => {
    await ask(v.unknown(), `sheets/${id}/${name}`, args);
  };
  return {
    url,
    make: (ids) => call('make', ids),
    setRevoked: (...args) => call('revoke', ...args),
    setProtected: (...args) => call('protect', ...args),
    faults: { add: (faults) => call('faults', faults), clear: () => call('clear-faults') },
    pending: () => ask(v.number(), `sheets/${id}/pending`, []),
    close: () => call('close'),
  };
}
