import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import * as v from 'valibot';
import { Push } from '../lib/metrics/metric-definitions.ts';
import { openTotals } from '../tasks/metrics/totals.ts';

export interface Collector {
  url: string;
  /** Every push that came, whatever it was answered. */
  pushes: Push[];
  /** Answers instead of taking a push; leaving it unanswered hangs the sender. */
  answer: ((res: ServerResponse) => void) | undefined;
  /** Instead of the answer to a push that is taken, the connection breaks off. */
  losesAnswers: boolean;
  /** The value of a metric's series, all labels' values in order, that of `service` first. */
  total(name: string, ...labels: string[]): number | undefined;
  /** From now on nobody is there; `back` undoes that, on the same port. */
  away(): Promise<void>;
  back(): Promise<void>;
}

/** A real HTTP server in the place of the function metrics, with its totals. */
export async function startCollector(): Promise<Collector> {
  const totals = openTotals();
  const server = createServer((req, res) => void text(req).then((body) => take(body, res)));
  const take = (body: string, res: ServerResponse) => {
    const push = v.parse(Push, JSON.parse(body));
    collector.pushes.push(push);
    if (collector.answer) return collector.answer(res);
    totals.add(push);
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
    total(name, ...labels) {
      // A counter is 0 in the first answer.
      totals.read();
      return totals
        .read()
        .flatMap(({ name: metric, values }) => values.map((one) => ({ metric, ...one })))
        .find(
          (one) =>
            (one.metricName ?? one.metric) === name && Object.values(one.labels).join() === labels.join(),
        )?.value;
    },
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
