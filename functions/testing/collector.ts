import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import * as v from 'valibot';
import { definitions, type MetricDefinition, Push } from '../lib/metrics/metric-definitions.ts';

export interface Collector {
  url: string;
  /** Every push that came, whatever it was answered. */
  pushes: Push[];
  /** Answers instead of taking a push; leaving it unanswered hangs the sender. */
  answer: ((res: ServerResponse) => void) | undefined;
  /** Takes a push, but breaks the connection off instead of answering. */
  losesAnswers: boolean;
  /** The value of a metric's series, all labels' values in order, that of `service` first. */
  total(name: string, ...labels: string[]): number | undefined;
  /** Stops listening, until `back` listens on the same port again. */
  away(): Promise<void>;
  back(): Promise<void>;
}

/** A real HTTP server in the place of the function metrics. A push that comes again counts once. */
export async function startCollector(): Promise<Collector> {
  const taken = new Map<string, Push>();
  const server = createServer((req, res) => void text(req).then((body) => take(body, res)));
  const take = (body: string, res: ServerResponse) => {
    const push = v.parse(Push, JSON.parse(body));
    collector.pushes.push(push);
    if (collector.answer) return collector.answer(res);
    taken.set(`${push.process} ${push.sequence}`, push);
    if (collector.losesAnswers) res.destroy();
    else res.writeHead(204).end();
  };
  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return v.parse(v.object({ port: v.number() }), server.address()).port;
  };
  const port = await listen(0);
  const collector: Collector = {
    url: `http://127.0.0.1:${port}/`,
    pushes: [],
    answer: undefined,
    losesAnswers: false,
    total: (name, ...labels) => totalOf([...taken.values()], name, labels),
    async away() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
    async back() {
      await listen(port);
    },
  };
  return collector;
}

/** @param name with `_count`, `_sum` or `_bucket` for a histogram; a bucket's last label is its bound */
function totalOf(pushes: Push[], name: string, labels: string[]): number | undefined {
  const [, base = name, part = ''] = /^(.+_seconds|.+_batch_events)_(count|sum|bucket)$/.exec(name) ?? [];
  const own = part === 'bucket' ? labels.slice(0, -1) : labels;
  const values = pushes.flatMap(({ service, series }) =>
    series
      .filter((one) => one.name === base && [service, ...one.labels].join() === own.join())
      .map((one) => {
        if ('value' in one) return one.value;
        if (part === 'sum') return one.sum;
        const { buckets = [] } = definition(base);
        const bounds = [...buckets.map(String), '+Inf'];
        const upTo = part === 'count' ? bounds.length : bounds.indexOf(labels.at(-1) ?? '') + 1;
        const counts = one.counts.slice(0, upTo);
        return counts.reduce((all, count) => all + count, 0);
      }),
  );
  if (definition(base).kind === 'gauge') return values.at(-1);
  return values.length === 0 ? undefined : values.reduce((all, value) => all + value, 0);
}

function definition(name: string): MetricDefinition {
  const found = Object.entries(definitions).find(([known]) => known === name)?.[1];
  if (!found) throw new Error(`there is no metric ${name}`);
  return found;
}
