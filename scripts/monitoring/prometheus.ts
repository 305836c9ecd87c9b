import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import * as v from 'valibot';
import { stringify } from 'yaml';

const Labels = v.record(v.string(), v.string());
const Range = v.object({
  result: v.array(v.object({ metric: Labels, values: v.array(v.tuple([v.number(), v.string()])) })),
});

export interface Prometheus {
  /** The labels of all series that a selector has matched since the start. */
  series(selector: string): Promise<Record<string, string>[]>;
  /** The result of a query at each second since the start: labels and values of each series. */
  history(expr: string): Promise<{ labels: Record<string, string>; values: number[] }[]>;
  /** The values of a label. */
  values(label: string, selector: string): Promise<string[]>;
  close(): Promise<void>;
}

/**
 * A Prometheus that scrapes one address each second, and evaluates `rules`, a rules file.
 * @param folder its own; must exist
 */
export async function startPrometheus({
  folder,
  target,
  rules,
}: {
  folder: string;
  target: string;
  rules: string;
}): Promise<Prometheus> {
  const data = join(folder, 'data');
  mkdirSync(data);
  const { host, pathname } = new URL(target);
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: ['rules.yml'],
    scrape_configs: [{ job_name: 'formbus', metrics_path: pathname, static_configs: [{ targets: [host] }] }],
  };
  writeFileSync(join(folder, 'prometheus.yml'), stringify(config));
  writeFileSync(join(folder, 'rules.yml'), rules);
  const begun = Date.now() / 1_000;
  const child = spawn(
    'prometheus',
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${data}`,
      '--web.listen-address=127.0.0.1:0',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const exited = once(child, 'exit');
  const url = await new Promise<string>((resolve, reject) => {
    const lines: string[] = [];
    createInterface(child.stderr).on('line', (line) => {
      lines.push(line);
      const address = /msg="Listening on" address=(\S+)/.exec(line)?.[1];
      if (address) resolve(`http://${address}`);
    });
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`prometheus ended with ${code}:\n${lines.join('\n')}`)));
  });

  async function ask<T>(path: string, query: Record<string, string>, schema: v.GenericSchema<unknown, T>) {
    const answer: unknown = await (
      await fetch(`${url}/api/v1/${path}?${String(new URLSearchParams(query))}`)
    ).json();
    const parsed = v.safeParse(v.object({ status: v.literal('success'), data: schema }), answer);
    if (!parsed.success) throw new Error(`${path} ${JSON.stringify(query)}: ${JSON.stringify(answer)}`);
    return parsed.output.data;
  }
  const since = () => ({ start: String(begun), end: String(Date.now() / 1_000) });

  return {
    series: (selector) => ask('series', { 'match[]': selector, ...since() }, v.array(Labels)),
    async history(expr) {
      const { result } = await ask('query_range', { query: expr, step: '1', ...since() }, Range);
      return result.map(({ metric, values }) => ({
        labels: metric,
        values: values.map(([, text]) => Number(text)),
      }));
    },
    values: (label, selector) =>
      ask(`label/${label}/values`, { 'match[]': selector, ...since() }, v.array(v.string())),
    async close() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await exited;
    },
  };
}
