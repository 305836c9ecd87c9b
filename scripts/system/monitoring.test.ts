import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readDashboards, type Panel } from '../monitoring/dashboards.ts';
import { readQuery } from '../monitoring/promql.ts';
import { startPrometheus, type Prometheus } from '../monitoring/prometheus.ts';
import { readRuleGroups, ROOT, rulesFile } from '../monitoring/rules.ts';
import { makeTraffic } from '../monitoring/traffic.ts';
import { readKustomization } from '../platform/kustomization.ts';
import { howToInstall } from '../runner/processes/packages.ts';
import { startFormbus, dataFolder, type StartedFormbus } from '../testing/formbus.ts';

const groups = readRuleGroups(ROOT);
const rules = groups.flatMap((group) => group.rules);
const dashboards = readDashboards(ROOT);

const missing = howToInstall(['prometheus']);
const skipped = missing !== undefined && process.env['CI'] !== 'true';
if (skipped) console.warn('The dashboards are not tested: prometheus is missing.');

describe('a dashboard', () => {
  it.each(dashboards)(
    '%s has its numbers on top, and each panel in a place of its own',
    (name, { uid, panels }) => {
      expect(uid).toBe(`formbus-${name}`);
      const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
        Array.from({ length: w * h }, (__, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
      );
      expect(new Set(cells).size).toBe(cells.length);
      expect(cells.filter((cell) => Number(cell.split(',')[0]) > 23)).toEqual([]);
      expect(panels.map(({ type }) => type).join()).toMatch(/^(stat,){6}timeseries(,timeseries)*$/);
      expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    },
  );

  it('is where Grafana looks for it, and uses the data source that Grafana has', () => {
    const read = (file: string) =>
      readFileSync(join(ROOT, 'knative/platform/monitoring/grafana', file), 'utf8');
    const [listed] = readKustomization(ROOT, 'knative/platform/monitoring/dashboards').configMapGenerator;
    expect(listed?.files.toSorted()).toEqual(dashboards.map(([name]) => `${name}.json`));
    const [path, file] =
      /^default_home_dashboard_path = (.+)\/(.+)\.json$/m.exec(read('grafana.ini'))?.slice(1) ?? [];
    expect(dashboards.map(([name]) => name)).toContain(file);
    expect(read('deployment.yaml')).toContain(`{ name: dashboards, mountPath: ${path}, readOnly: true }`);
    expect(JSON.parse(read('provider.json'))).toMatchObject({ providers: [{ options: { path } }] });
    expect(JSON.parse(read('source.json'))).toMatchObject({
      datasources: [{ type: 'prometheus', uid: 'prometheus' }],
    });
  });
});

describe.skipIf(skipped)('with a Prometheus that asks npm start', () => {
  let folder: Awaited<ReturnType<typeof dataFolder>>;
  let own: string;
  let formbus: StartedFormbus;
  let prometheus: Prometheus;

  beforeAll(async () => {
    folder = await dataFolder();
    own = await mkdtemp(join(tmpdir(), 'formbus-prometheus-'));
    formbus = await startFormbus(folder.path);
    prometheus = await startPrometheus({
      folder: own,
      target: `${formbus.url}/_/metrics`,
      rules: rulesFile(groups, { immediate: true }),
    });
    const isSeen = async () => {
      await makeTraffic(formbus, folder.path);
      expect(await unseen(prometheus)).toEqual([]);
    };
    await vi.waitFor(isSeen, { timeout: 60_000, interval: 1_000 });
    // Counted again after the series was scraped, so that every rate is above 0.
    await makeTraffic(formbus, folder.path);
  }, 120_000);

  afterAll(async () => {
    await prometheus?.close();
    await formbus?.end('SIGTERM');
    await folder?.remove();
    await rm(own, { recursive: true, force: true });
  });

  it.each(dashboards)('%s has no empty panel', async (_, { panels }) => {
    await expect
      .poll(async () => (await Promise.all(panels.map((panel) => emptiness(prometheus, panel)))).flat(), {
        interval: 500,
      })
      .toEqual([]);
  });

  it('each alert and recording rule selects existing series', async () => {
    for (const rule of rules)
      expect({ rule, unknown: await unknown(prometheus, rule.expr) }).toEqual({ rule, unknown: [] });
  });

  it('each variable of a dashboard has values', async () => {
    const lists = dashboards.flatMap(([, { templating }]) => templating.list);
    for (const { query } of lists) {
      const [, metric = '', label = ''] = /^label_values\((.+), (\w+)\)$/.exec(query) ?? [];
      expect(await prometheus.values(label, metric)).not.toEqual([]);
    }
    expect(lists).toHaveLength(2);
  });

  it('finds a wrong metric, label, value and legend', async () => {
    const accepted =
      'sum by (form) (rate(formbus_submissions_accepted_total{service=~".+"}[$__rate_interval]))';
    const found = (expr: string, legendFormat = '{{form}}') => problems(prometheus, { expr, legendFormat });
    expect(await found(accepted)).toEqual([]);
    expect(await found(accepted.replace('accepted', 'acepted'))).toContain(
      'formbus_submissions_acepted_total{service=~".+"}: there is no such series',
    );
    expect(await found(accepted.replace('service=', 'servce='))).not.toEqual([]);
    expect(await found(accepted.replace('by (form)', 'by (from)'))).toContain('no series has the label from');
    expect(await found(`${accepted} or vector(0)`.replace('.+', 'x'))).not.toEqual([]);
    expect(await found(accepted, '{{from}}')).toContain('the legend names from, which a line does not have');
    expect(await found(`0 / ${accepted} / 0`)).toContain('it shows no number');
  });
});

/** A query as Grafana sends it, with all values of each variable. */
function sent(expr: string): string {
  return expr.replaceAll('$__rate_interval', '20s').replaceAll(/\$(form|service)\b/g, '.*');
}

/** Problems of a panel. */
async function emptiness(prometheus: Prometheus, { title, targets }: Panel): Promise<string[]> {
  const found = await Promise.all(targets.map((target) => problems(prometheus, target)));
  return found.flat().map((problem) => `${title}: ${problem}`);
}

/** Problems of a query of a panel. */
async function problems(
  prometheus: Prometheus,
  { expr, legendFormat }: { expr: string; legendFormat: string },
): Promise<string[]> {
  const lines = await prometheus.history(sent(expr));
  const named = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label);
  return [
    ...(await unknown(prometheus, expr)),
    ...(lines.some(({ values }) => values.some(Number.isFinite)) ? [] : ['it shows no number']),
    ...named
      .filter((label) => lines.some(({ labels }) => !labels[label]))
      .map((label) => `the legend names ${label}, which a line does not have`),
  ];
}

/** Selectors of a query that match no series, and grouping labels that no series has. */
async function unknown(prometheus: Prometheus, expr: string): Promise<string[]> {
  const { selectors, grouping } = readQuery(sent(expr));
  const found = await Promise.all(selectors.map((selector) => prometheus.series(selector)));
  const labels = new Set(found.flat().flatMap((series) => Object.keys(series)));
  return [
    ...selectors
      .filter((_, i) => found[i]?.length === 0)
      .map((selector) => `${selector}: there is no such series`),
    ...grouping.filter((label) => !labels.has(label)).map((label) => `no series has the label ${label}`),
  ];
}

/** Selectors of all panels and rules that match nothing yet. */
async function unseen(prometheus: Prometheus): Promise<string[]> {
  const lines = dashboards.flatMap(([, { panels }]) => panels.flatMap(({ targets }) => targets));
  const exprs = [...lines, ...rules].map(({ expr }) => expr);
  return [...new Set((await Promise.all(exprs.map((expr) => unknown(prometheus, expr)))).flat())];
}
