import { memberOf } from '../../../functions/lib/buffer/keys.ts';
import { continuations } from '../../../functions/lib/sheets/spreadsheet-pool.ts';
import { timeIn } from '../../../functions/lib/sheets/sheet-cells.ts';
import { readTabs, type ReadSheets, type ReadTab } from '../../../functions/lib/sheets/standing.ts';
import type { AuditedBuffer } from './buffer.ts';
import type { Formbus } from './formbus.ts';
import type { LoggedRow } from './report.ts';

export interface Repaired {
  /** Ids of the rows that go through the buffer again. */
  putBack: string[];
  /** Rows that stay lost, and why. */
  left: { id: string; reason: string }[];
}

interface Collaborators {
  formbus: Pick<Formbus, 'redeliver'>;
  buffer: AuditedBuffer;
  sheets: ReadSheets;
}

/**
 * Puts lost rows back: their ids are removed from those that the buffer has seen, and their events are delivered to it again. Rows that
 * Google refused wait in the buffer again, when their marks are gone from the sheet.
 * @param log all rows of the log in the tabs of the lost ones
 */
export async function repair(
  lost: LoggedRow[],
  log: LoggedRow[],
  collaborators: Collaborators,
): Promise<Repaired> {
  const repaired: Repaired = { putBack: [], left: [] };
  const simultaneous = new Map(
    [...Map.groupBy(log, timeKey)].map(([key, same]) => [key, new Set(same.map(({ id }) => id))]),
  );
  for (const [spreadsheetId, rows] of Map.groupBy(lost, (row) => row.spreadsheetId)) {
    try {
      const { putBack, left } = await collaborators.buffer.withLease(spreadsheetId, () =>
        repairSpreadsheet(spreadsheetId, rows, simultaneous, collaborators),
      );
      repaired.putBack.push(...putBack);
      repaired.left.push(...left);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      repaired.left.push(...rows.map(({ id }) => ({ id, reason })));
    }
  }
  return repaired;
}

/**
 * A row is put back when it was neither in the buffer nor, after that, in the sheet, and no batch has been made since: what came
 * into the buffer meanwhile is still there, and then the script leaves it alone. So two repairs at once, or a repair beside a flush,
 * duplicate nothing, even when the lease is lost. However often its event is delivered, an id that is no longer seen is accepted once. A
 * repair that dies in between leaves the row lost for the next repair.
 */
async function repairSpreadsheet(
  spreadsheetId: string,
  lost: LoggedRow[],
  simultaneous: Map<string, Set<string>>,
  { formbus, buffer, sheets }: Collaborators,
): Promise<Repaired> {
  const putBack = new Set<string>();
  for (let tries = 0; tries < 3; tries += 1) {
    const { sequence, pending, inFlight } = await buffer.states(spreadsheetId);
    const held = new Set([...pending, ...inFlight]);
    // Twice, for a person may sort a long tab between two pages of it.
    const tabs = [
      ...(await readAll(spreadsheetId, sheets)),
      ...(await readAll(spreadsheetId, sheets, { withTimes: true })),
    ];
    const absent = lost.filter(
      ({ tab, id }) =>
        !held.has(memberOf({ tab, id })) && !tabs.some((one) => one.tab === tab && one.ids?.has(id) === true),
    );
    const left = absent.flatMap((row) => {
      const reason = doubtOf(row, tabs, simultaneous.get(timeKey(row)));
      return reason === undefined ? [] : [{ id: row.id, reason }];
    });
    const doubtful = new Set(left.map(({ id }) => id));
    const rows = absent.filter(({ id }) => !doubtful.has(id));
    if (await putBackAll(rows, sequence)) return { putBack: [...putBack], left };
  }
  throw new Error('batches were made during the repair; run it again');

  /** False when a batch has been made since `sequence`. */
  async function putBackAll(rows: LoggedRow[], sequence: string): Promise<boolean> {
    for (const [tab, same] of Map.groupBy(rows, (row) => row.tab)) {
      for (let first = 0; first < same.length; first += atOnce) {
        const part = same.slice(first, first + atOnce);
        const ids = part.map(({ id }) => id);
        const taken = await buffer.takeBack(spreadsheetId, { tab, ids, sequence });
        if (!taken) return false;
        const unseen = new Set(taken.unseen);
        await formbus.redeliver(part.filter(({ id }) => unseen.has(id)));
        for (const id of [...taken.unseen, ...taken.restored]) putBack.add(id);
      }
    }
    return true;
  }
}

/** Reads a spreadsheet and those in which its rows have gone on. */
async function readAll(spreadsheetId: string, sheets: ReadSheets, options = {}): Promise<ReadTab[]> {
  const tabs: ReadTab[] = [];
  for (const one of await continuations(spreadsheetId, sheets))
    tabs.push(...(await readTabs(sheets, one, options)));
  return tabs;
}

/** Few enough that Redis is not held up for long. */
const atOnce = 500;

/** Why a row that is not found by its id may stand in its tab all the same. */
function doubtOf(
  { tab, time }: LoggedRow,
  tabs: ReadTab[],
  simultaneous = new Set<string>(),
): string | undefined {
  const read = tabs.filter((one) => one.tab === tab);
  if (read.some(({ ids }) => !ids)) return 'the hidden column of ids is gone from its tab';
  const isDoubtful = read.some(({ ids, times }) => {
    const known = [...simultaneous].filter((id) => ids?.has(id)).length;
    return (times.get(timeIn(time)) ?? 0) > known;
  });
  return isDoubtful
    ? 'a row of the same time without an id stands in its tab: it may be this one'
    : undefined;
}

function timeKey({ spreadsheetId, tab, time }: LoggedRow): string {
  return `${spreadsheetId}\n${tab}\n${time}`;
}
