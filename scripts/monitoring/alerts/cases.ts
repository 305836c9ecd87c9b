import type { AlertCase } from './case.ts';
import { audit } from './audit.ts';
import { events } from './events.ts';
import { intake } from './intake.ts';
import { metrics } from './metrics.ts';
import { redis } from './redis.ts';
import { sheets } from './sheets.ts';
import { tasks } from './tasks.ts';

/** By alert; a file for each of knative/platform/monitoring/alerts. */
export const CASES: Record<string, AlertCase> = {
  ...intake,
  ...events,
  ...tasks,
  ...redis,
  ...sheets,
  ...audit,
  ...metrics,
};
