import * as v from 'valibot';
import { connectArchive, formsIn, isNotMadeYet } from '../client/database.ts';
import type { ArchiveReport, LoggedRow } from './report.ts';

/** The archive as the audit sees it. Rejects when it cannot be read. */
export interface AuditedArchive {
  /** Which of the ids the archive has, and whether the submission is forgotten. */
  known(ids: Iterable<string>): Promise<Map<string, { isForgotten: boolean }>>;
  /** The forms of its submissions. */
  forms(): Promise<string[]>;
  close(): Promise<void>;
}

const Rows = v.array(v.object({ id: v.string(), isForgotten: v.boolean() }));
const idsAtOnce = 5_000;

/** Connects at the first question. @param url where Formbus runs */
export function openAuditedArchive(url: string): AuditedArchive {
  let connecting: ReturnType<typeof connectArchive> | undefined;
  const open = () => (connecting ??= connectArchive(url));
  return {
    async known(ids) {
      const known = new Map<string, { isForgotten: boolean }>();
      const all = [...new Set(ids)];
      if (all.length === 0) return known;
      const client = await open();
      for (let first = 0; first < all.length; first += idsAtOnce) {
        const { rows } = await client
          .query('SELECT id, data IS NULL AS "isForgotten" FROM submissions WHERE id = ANY($1)', [
            all.slice(first, first + idsAtOnce),
          ])
          .catch(noneYet);
        for (const { id, isForgotten } of v.parse(Rows, rows)) known.set(id, { isForgotten });
      }
      return known;
    },
    forms: async () => formsIn(await open()),
    async close() {
      const client = await connecting?.catch(() => undefined);
      await client?.close();
    },
  };
}

function noneYet(error: unknown): { rows: unknown[] } {
  if (isNotMadeYet(error)) return { rows: [] };
  throw error;
}

/**
 * Says where each submission is that the log has for the archive; read the log first. `known`: which of the `others` the archive has,
 * because the log keeps an event for some days only.
 */
export async function readArchive(
  log: LoggedRow[],
  others: string[],
  archive: AuditedArchive,
): Promise<{ report: ArchiveReport | { unreadable: string }; known: Set<string> }> {
  try {
    const report = await compare(log, archive);
    return { report, known: new Set((await archive.known(others)).keys()) };
  } catch (error) {
    return {
      report: { unreadable: error instanceof Error ? error.message : String(error) },
      known: new Set(),
    };
  }
}

async function compare(log: LoggedRow[], archive: AuditedArchive): Promise<ArchiveReport> {
  const rows = new Map<string, LoggedRow>();
  // The same id twice in the log is one submission; it waits while one of the two does.
  for (const row of log) if (row.archive && !(rows.get(row.id)?.archive === 'waiting')) rows.set(row.id, row);
  const known = await archive.known(rows.keys());
  const report: ArchiveReport = { archived: 0, forgotten: 0, waiting: 0, 'dead letters': 0, lost: [] };
  for (const [id, row] of rows) {
    const found = known.get(id);
    if (found) report[found.isForgotten ? 'forgotten' : 'archived'] += 1;
    else if (row.archive === 'waiting') report.waiting += 1;
    else if (row.archive === 'dead') report['dead letters'] += 1;
    else report.lost.push(row);
  }
  return report;
}
