import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import * as v from 'valibot';

const Panel = v.object({
  id: v.number(),
  type: v.picklist(['stat', 'timeseries']),
  title: v.string(),
  /** What it shows, and what is good. */
  description: v.pipe(v.string(), v.nonEmpty()),
  datasource: v.object({ type: v.literal('prometheus'), uid: v.literal('prometheus') }),
  targets: v.array(v.object({ refId: v.string(), expr: v.string(), legendFormat: v.string() })),
  gridPos: v.object({ x: v.number(), y: v.number(), w: v.number(), h: v.number() }),
});
export type Panel = v.InferOutput<typeof Panel>;

const Dashboard = v.object({
  uid: v.string(),
  panels: v.array(Panel),
  templating: v.object({ list: v.array(v.object({ query: v.string() })) }),
});
export type Dashboard = v.InferOutput<typeof Dashboard>;

/** Grafana's dashboards of the project at `root`, by file name, with the fields that tests read. */
export function readDashboards(root: string): [name: string, dashboard: Dashboard][] {
  const folder = join(root, 'knative/platform/monitoring/dashboards');
  return globSync('*.json', { cwd: folder })
    .toSorted()
    .map((file) => [
      basename(file, '.json'),
      v.parse(v.pipe(v.string(), v.parseJson(), Dashboard), readFileSync(join(folder, file), 'utf8')),
    ]);
}
