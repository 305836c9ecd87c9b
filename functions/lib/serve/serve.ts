import * as v from 'valibot';
import { startPushing } from '../metrics/metrics.ts';
import { integer, readEnv } from '../runtime/env.ts';
import { openLog } from '../runtime/log.ts';
import type { FunctionDefinition } from './definition.ts';
import { openFramework } from './framework.ts';
import { HttpError } from './http.ts';
import { openBodyReader, type BodyLimits } from './read-body.ts';
import { openResponder } from './respond.ts';
import { openServer } from './server.ts';

export interface Served {
  url: string;
  /** Finishes the requests in flight, then closes what the function opened. */
  close(): Promise<void>;
}

const serverEnv = {
  PORT: integer('the port to listen on', { min: 0, max: 65_535, fallback: 8080 }),
  HOST: v.pipe(v.optional(v.string()), v.description('the address to listen on (default: all)')),
  LOG_LEVEL: v.pipe(
    v.optional(v.picklist(['debug', 'info', 'warn', 'error', 'silent'], 'no such level'), 'info'),
    v.description('debug, info, warn, error or silent'),
  ),
  METRICS_URL: v.pipe(
    v.optional(v.pipe(v.string(), v.url('not a URL'), v.regex(/^http:/, 'not an http URL'))),
    v.description('the address of the function metrics (default: nothing is counted)'),
  ),
  K_SERVICE: v.pipe(v.optional(v.string()), v.description("the Service's name, which Knative sets")),
};

/**
 * Checks the environment of a function without starting it.
 * @throws EnvError naming every bad or missing variable
 */
export function checkEnv(definition: FunctionDefinition, source?: Record<string, string | undefined>) {
  return readEnv({ ...serverEnv, ...definition.env }, source);
}

/**
 * Serves a form or a task through functions-framework. Reads the body first, with a size limit and a deadline.
 * @throws EnvError
 */
export async function serve(
  definition: FunctionDefinition,
  {
    env: source,
    limits = definition.limits,
    headersMs = 15_000,
  }: { env?: Record<string, string | undefined>; limits?: BodyLimits; headersMs?: number } = {},
): Promise<Served> {
  const env = checkEnv(definition, source);
  const log = openLog(definition.name, env.LOG_LEVEL);
  const { METRICS_URL, K_SERVICE: service = definition.name } = env;
  const pushing = METRICS_URL === undefined ? undefined : startPushing({ url: METRICS_URL, service, log });
  const running = await definition.start(env, log);
  const responder = openResponder(definition, running, log);
  const framework = openFramework(definition.name, running, responder);
  const readBody = openBodyReader(limits);
  const server = await openServer({
    port: env.PORT,
    host: env.HOST,
    headersMs,
    onRequest(req, res) {
      readBody(req, (body) => {
        if (body instanceof HttpError) responder.fail({ req, res }, body);
        else framework({ req, res, body, completeAt: performance.now() });
      });
    },
    onUnreadable: responder.textOf,
  });
  log.info({ url: server.url }, 'ready');

  return {
    url: server.url,
    async close() {
      responder.close();
      await server.close();
      await running.close?.();
      await pushing?.close();
      log.info('closed');
    },
  };
}
