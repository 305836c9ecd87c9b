import { EXPORTER, scrape } from './all-metrics.ts';
import type { ScheduleStatus } from '../schedules/ping.ts';
import type { Services } from '../serving/services.ts';

/** The schedule by which rows go into their sheets. */
const FLUSH = 'sheets-flush';

/** Rows that are accepted and stand in no sheet yet. */
export interface Waiting {
  rows: number;
  /** When they go, RFC 3339; null without a schedule for it. */
  next: string | null;
}

/** As the function that keeps the figures says it; none where there is no such function. */
export async function waitingRows(services: Services, schedules: ScheduleStatus[]): Promise<Waiting> {
  const hasExporter = services.status().some(({ name }) => name === EXPORTER);
  const figures = hasExporter ? await scrape(services) : '';
  const rows = [...figures.matchAll(/^formbus_buffer_rows\{[^}]*\} (\d+)/gm)].map(([, count]) =>
    Number(count),
  );
  return {
    rows: rows.reduce((sum, count) => sum + count, 0),
    next: schedules.find(({ name }) => name === FLUSH)?.next ?? null,
  };
}
