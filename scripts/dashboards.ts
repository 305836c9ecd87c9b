import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { accept } from './dashboards/accept.ts';
import { autoscaling } from './dashboards/autoscaling.ts';
import { losses } from './dashboards/losses.ts';
import { pipeline } from './dashboards/pipeline.ts';
import { sheets } from './dashboards/sheets.ts';

/** Grafana's dashboards by file name; kustomize takes the files that `node scripts/dashboards.ts` writes. */
export const DASHBOARDS = { accept, autoscaling, pipeline, sheets, losses };

const FOLDER = join(import.meta.dirname, '../knative/platform/monitoring/dashboards');

if (import.meta.main) {
  for (const [name, dashboard] of Object.entries(DASHBOARDS))
    writeFileSync(join(FOLDER, `${name}.json`), `${JSON.stringify(dashboard)}\n`);
  console.log(`${Object.keys(DASHBOARDS).length} dashboards are written; npm run format makes them readable`);
}
