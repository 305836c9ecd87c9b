import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { accept } from './accept.ts';
import { autoscaling } from './autoscaling.ts';
import { losses } from './losses.ts';
import { pipeline } from './pipeline.ts';
import { sheets } from './sheets.ts';

/** Grafana's dashboards by file name; kustomize takes the files that `node scripts/monitoring/dashboards/dashboards.ts` writes. */
export const DASHBOARDS = { accept, autoscaling, pipeline, sheets, losses };

const FOLDER = join(import.meta.dirname, '../../../knative/platform/monitoring/dashboards');

if (import.meta.main) {
  for (const [name, dashboard] of Object.entries(DASHBOARDS))
    writeFileSync(join(FOLDER, `${name}.json`), `${JSON.stringify(dashboard)}\n`);
  console.log(`${Object.keys(DASHBOARDS).length} dashboards are written; npm run format makes them readable`);
}
