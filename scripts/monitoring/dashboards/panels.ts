import {
  BigValueColorMode,
  BigValueGraphMode,
  BigValueJustifyMode,
  BigValueTextMode,
  FieldColorModeId,
  type GraphFieldConfig,
  LegendDisplayMode,
  type Panel as GrafanaPanel,
  PercentChangeColorMode,
  SortOrder,
  StackingMode,
  ThresholdsMode,
  TooltipDisplayMode,
  VizOrientation,
} from '@grafana/schema';
import type { Options as StatOptions } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type { Options as GraphOptions } from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

/** A panel as Grafana keeps it; `schema` has no word for what a data source is asked. */
export type Panel = Omit<GrafanaPanel<StatOptions | GraphOptions, GraphFieldConfig>, 'targets'> & {
  targets: Target[];
};

interface Target {
  refId: string;
  expr: string;
  legendFormat: string;
}

/** Where a figure begins to be worrying, and where somebody has to get up. */
interface Limits {
  warn?: number;
  bad?: number;
  /** Below it is bad. */
  least?: number;
}

interface Look {
  /** What is seen, and what good looks like. */
  good: string;
  /** Of Grafana's units: `s`, `reqps`, `percentunit`, … Plain numbers without one. */
  unit?: string;
}

/** The uid that provisioning gives the data source. */
export const SOURCE = { type: 'prometheus', uid: 'prometheus' };

/** A figure of the moment: large, and coloured as a whole, so that red is seen from the door. */
export function stat(title: string, expr: string, { good, unit = 'short', ...limits }: Look & Limits): Panel {
  return {
    type: 'stat',
    title,
    description: good,
    datasource: SOURCE,
    // What Prometheus extrapolates is no whole number, and what it counts is.
    fieldConfig: {
      defaults: { unit, ...(unit === 'short' ? { decimals: 0 } : {}), ...colours(limits) },
      overrides: [],
    },
    options: {
      colorMode: BigValueColorMode.Background,
      graphMode: BigValueGraphMode.None,
      justifyMode: BigValueJustifyMode.Center,
      textMode: BigValueTextMode.Value,
      orientation: VizOrientation.Auto,
      percentChangeColorMode: PercentChangeColorMode.Standard,
      showPercentChange: false,
      wideLayout: true,
      reduceOptions: { calcs: ['lastNotNull'], values: false },
    },
    targets: [{ refId: 'A', expr, legendFormat: title }],
  };
}

/** Lines over time, the largest first. `queries`: PromQL by legend; `{{label}}` in a legend is the label's value. */
export function graph(
  title: string,
  queries: Record<string, string>,
  { good, unit = 'short', stacked = false }: Look & { stacked?: boolean },
): Panel {
  return {
    type: 'timeseries',
    title,
    description: good,
    datasource: SOURCE,
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        color: { mode: FieldColorModeId.PaletteClassic },
        custom: {
          fillOpacity: stacked ? 40 : 8,
          ...(stacked ? { stacking: { mode: StackingMode.Normal, group: 'A' } } : {}),
        },
      },
      overrides: [],
    },
    options: {
      legend: {
        displayMode: LegendDisplayMode.Table,
        placement: 'bottom',
        showLegend: true,
        calcs: ['lastNotNull', 'max'],
      },
      tooltip: { mode: TooltipDisplayMode.Multi, sort: SortOrder.Descending },
    },
    targets: Object.entries(queries).map(([legendFormat, expr], i) => ({
      refId: String.fromCodePoint(65 + i),
      expr,
      legendFormat,
    })),
  };
}

/** Green, or blue where no figure is a bad one. */
function colours({ warn, bad, least }: Limits) {
  const base = warn === undefined && bad === undefined ? 'blue' : 'green';
  const steps = [
    { value: null, color: least === undefined ? base : 'red' },
    ...(least === undefined ? [] : [{ value: least, color: 'green' }]),
    ...(warn === undefined ? [] : [{ value: warn, color: 'orange' }]),
    ...(bad === undefined ? [] : [{ value: bad, color: 'red' }]),
  ];
  return {
    color: { mode: FieldColorModeId.Thresholds },
    thresholds: { mode: ThresholdsMode.Absolute, steps },
  };
}
