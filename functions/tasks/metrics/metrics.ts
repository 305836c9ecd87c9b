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
 * Keeps the totals of what all functions count, for Prometheus: `POST /` takes increments, `GET /metrics` gives the totals. It is the
 * one function that always runs, once.
 *
 * - Functions push, because a pod that is gone is never scraped: its counters would be lost with what came after the last scrape, and
 *   the next pod's begin at 0, so that of an instance that lived for less than a scrape's interval nothing would be seen.
 * - The gauges of the buffer are read here, by one process when it is scraped: read by many, a sum over them would be a multiple.
 * - Totals are in memory only: Prometheus takes a counter that begins anew for what it is.
 */
export const metrics: FunctionDefinition = {
  name: 'metrics',
  env: redisEnv,
  // All that one process may have: functions/lib/metrics/metrics.ts bounds it.
  limits: { maxBytes: 5_000_000, deadlineMs: 5_000 },
  async start(env: Env<typeof redisEnv>, log) {
    const redis = await openRedis(env, log);
    const totals = openTotals();
    const readBuffer = openBufferGauges(redis);

    async function page(): Promise<HttpAnswer> {
      const buffer = await readBuffer();
      // Without Redis, that it is away is all that there is.
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
        if (path !== '/')
          throw new HttpError(404, 'There is nothing at this address; metrics are at /metrics.');
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

/** @throws HttpError 400, upon which a function drops what it has pushed */
function pushOf({ headers, body }: HttpRequest): Push {
  // No browser sends this type from another site's page without asking first.
  const isJson = headers['content-type']?.startsWith('application/json');
  const parsed = v.safeParse(Pushed, body.toString('utf8'));
  if (isJson && parsed.success) return parsed.output;
  const wrong = parsed.issues?.map((issue) => v.getDotPath(issue) ?? 'the body').join(', ');
  throw new HttpError(400, `These are no increments in JSON; wrong or missing: ${wrong ?? 'content-type'}.`);
}
