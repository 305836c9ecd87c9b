import { AggregatorRegistry } from 'prom-client';
import * as v from 'valibot';
import type { Env } from '../../lib/runtime/env.ts';
import { HttpError, plainText, type HttpAnswer, type HttpRequest } from '../../lib/serve/http.ts';
import { Push } from '../../lib/metrics/metric-definitions.ts';
import { openRedis, redisEnv } from '../../lib/stores/redis.ts';
import type { FunctionDefinition } from '../../lib/serve/definition.ts';
import { openBufferGauges } from './buffer-gauges.ts';
import { readLaterGauges } from './later-gauges.ts';
import { openTotals } from './totals.ts';

/**
 * Keeps the totals of what all functions count, for Prometheus: `POST /` accepts increments, `GET /metrics` returns the totals. It is the
 * only function that always runs, in one instance.
 *
 * - Functions push, because Prometheus cannot scrape a pod that is gone: whatever it counted after the last scrape would be lost, and of a pod
 *   that lives for less than a scrape's interval nothing would be seen.
 * - The gauges of the buffer are read here, by one process when it is scraped: if many read them, their sum would be a multiple.
 * - Totals are in memory only: Prometheus recognises a counter that begins again.
 */
export const metrics: FunctionDefinition = {
  name: 'metrics',
  env: redisEnv,
  // The most that one process may push: functions/lib/metrics/metrics.ts limits it.
  limits: { maxBytes: 5_000_000, deadlineMs: 5_000 },
  async start(env: Env<typeof redisEnv>, log) {
    const redis = await openRedis(env, log);
    const totals = openTotals();
    const readBuffer = openBufferGauges(redis);

    async function page(): Promise<HttpAnswer> {
      const buffer = await readBuffer();
      // Without Redis, its absence is the only gauge.
      const later = buffer.length > 1 ? await readLaterGauges(redis) : [];
      const all = [...totals.read(), ...buffer, ...later];
      const registry = AggregatorRegistry.aggregate([all.filter(({ values }) => values.length > 0)]);
      return {
        status: 200,
        headers: { 'content-type': registry.contentType },
        body: await registry.metrics(),
      };
    }

    return {
      async handle(request) {
        const { path, method } = request;
        if (path === '/metrics') {
          if (method !== 'GET' && method !== 'HEAD') throw notPossible(method, 'GET, HEAD');
          return page();
        }
        if (path !== '/') throw new HttpError(404, 'Not found. Metrics are at /metrics.');
        if (method !== 'POST') throw notPossible(method, 'POST');
        totals.add(pushOf(request));
        return { status: 204 };
      },
      close: redis.close,
    };
  },
  answerError: ({ status, message, headers }) => plainText(status, message, headers),
};

function notPossible(method: string, allow: string): HttpError {
  return new HttpError(405, `${method} is not possible here.`, { headers: { allow } });
}

const Pushed = v.pipe(v.string(), v.parseJson(), Push);

/** @throws HttpError 400; the function then drops what it has pushed */
function pushOf({ headers, body }: HttpRequest): Push {
  // No browser sends this type from another site's page without asking first.
  const isJson = headers['content-type']?.startsWith('application/json');
  const parsed = v.safeParse(Pushed, body.toString('utf8'));
  if (isJson && parsed.success) return parsed.output;
  const wrong = parsed.issues?.map((issue) => v.getDotPath(issue) ?? 'the body').join(', ');
  throw new HttpError(400, `Not increments in JSON; wrong or missing: ${wrong ?? 'content-type'}.`);
}
