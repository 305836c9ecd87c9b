import {
  type Dashboard as GrafanaDashboard,
  DashboardCursorSync,
  VariableRefresh,
  VariableSort,
} from '@grafana/schema';
import { type Panel, SOURCE } from './panels.ts';

export type Dashboard = Omit<GrafanaDashboard, 'panels'> & { panels: Panel[] };

/** Of 24 columns. */
const WIDTH = { stat: 4, timeseries: 12 };
const HEIGHT = { stat: 4, timeseries: 8 };

/**
 * A dashboard for the night: dark, the last six hours, the state of things large on top. Its panels are laid out in their order,
 * figures first; `by` is a label to choose from, `metric` one that has it.
 */
export function dashboard({
  name,
  title,
  about,
  by,
  panels,
}: {
  name: string;
  title: string;
  about: string;
  by?: { label: string; variable: string; metric: string };
  panels: Panel[];
}): Dashboard {
  let [x, y, id] = [0, 0, 0];
  const placed = panels.map((panel, i): Panel => {
    const kind = panel.type === 'stat' ? 'stat' : 'timeseries';
    const [w, h] = [WIDTH[kind], HEIGHT[kind]];
    const before = panels[i - 1];
    if (x + w > 24 || (before && before.type !== panel.type)) {
      x = 0;
      y += before?.type === 'stat' ? HEIGHT.stat : HEIGHT.timeseries;
    }
    id += 1;
    const gridPos = { x, y, w, h };
    x += w;
    return { id, ...panel, gridPos };
  });
  return {
    uid: `formbus-${name}`,
    title: `Formbus: ${title}`,
    description: about,
    tags: ['formbus'],
    schemaVersion: 41,
    editable: false,
    graphTooltip: DashboardCursorSync.Crosshair,
    refresh: '30s',
    time: { from: 'now-6h', to: 'now' },
    timezone: 'browser',
    links: [
      {
        type: 'dashboards',
        title: 'Formbus',
        tags: ['formbus'],
        asDropdown: false,
        icon: '',
        includeVars: false,
        keepTime: true,
        targetBlank: false,
        tooltip: '',
      },
    ],
    templating: {
      list: by
        ? [
            {
              type: 'query',
              name: by.variable,
              label: by.variable,
              datasource: SOURCE,
              query: `label_values(${by.metric}, ${by.label})`,
              refresh: VariableRefresh.onTimeRangeChanged,
              sort: VariableSort.alphabeticalAsc,
              multi: true,
              includeAll: true,
              allValue: '.*',
              current: { text: 'All', value: '$__all' },
            },
          ]
        : [],
    },
    panels: placed,
  };
}
