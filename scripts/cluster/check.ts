import { once } from 'node:events';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { text } from 'node:stream/consumers';
import * as v from 'valibot';
import type { KubernetesApi } from './api/api.ts';
import { forwardPort } from './api/forward.ts';
import { Meta } from './api/pods.ts';
import { troubleOf } from './api/pod-trouble.ts';

const Condition = v.object({
  type: v.string(),
  status: v.string(),
  reason: v.optional(v.string(), ''),
  message: v.optional(v.string(), ''),
});
const Service = v.object({
  metadata: Meta,
  status: v.optional(
    v.object({
      latestReadyRevisionName: v.optional(v.string(), ''),
      conditions: v.optional(v.array(Condition), []),
    }),
    {},
  ),
});
const Services = v.object({ items: v.array(Service) });

interface CheckOptions {
  namespace: string;
  say: (line: string) => void;
  /** How many functions start at the same time. */
  atOnce?: number;
  everyMs?: number;
  /** The time for one function, pulling the image included. */
  patienceMs?: number;
}

/**
 * Starts each function of a namespace once, with a GET that does nothing, and reports those that do not start. With `initial-scale: 0`
 * the first visitor would otherwise find a broken one.
 * @returns how many do not start
 * @throws Error when there is no function, or the cluster does not answer
 */
export async function checkFunctions(api: KubernetesApi, options: CheckOptions): Promise<number> {
  const { namespace, say, atOnce = 5 } = options;
  const path = `/apis/serving.knative.dev/v1/namespaces/${namespace}/services`;
  const names = (await api.read(Services, path)).items.map(({ metadata }) => metadata.name);
  if (names.length === 0)
    throw new Error(`there are no functions in namespace ${namespace} of ${api.context}; deploy them first`);
  // Kourier's internal gateway serves forms and tasks alike.
  const gateway = { namespace: 'kourier-system', selector: 'app=3scale-kourier-gateway', port: 8081 };
  const door = await forwardPort(api, gateway);
  let failed = 0;
  try {
    const rest = names.values();
    const worker = async () => {
      for (const name of rest) {
        const began = performance.now();
        const trouble = await tryOne(api, { ...options, service: path + `/${name}`, name, port: door.port });
        const seconds = ((performance.now() - began) / 1_000).toFixed(1);
        if (trouble !== undefined) failed += 1;
        say(trouble === undefined ? `${name} starts (${seconds} s)` : `${name} DOES NOT START: ${trouble}`);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
  } finally {
    door.close();
  }
  return failed;
}

/** The reason why a function does not answer; undefined when it answers. */
async function tryOne(
  api: KubernetesApi,
  options: CheckOptions & { service: string; name: string; port: number },
): Promise<string | undefined> {
  const { namespace, name, service, port, everyMs = 1_000, patienceMs = 180_000 } = options;
  const deadline = performance.now() + patienceMs;
  const over = new AbortController();
  let answer: Promise<string | undefined> | undefined;
  let outcome: { trouble: string | undefined } | undefined;
  try {
    for (;;) {
      const { status } = await api.read(Service, service);
      const ready = status.conditions.find(({ type }) => type === 'Ready');
      if (ready?.status === 'False') return `${ready.reason}: ${ready.message}`;
      if (ready?.status === 'True' && !answer) {
        answer = ask(port, `${name}.${namespace}.svc.cluster.local`, over.signal);
        answer.then(
          (trouble) => (outcome = { trouble }),
          (error: unknown) => (outcome = { trouble: String(error) }),
        );
      }
      const selector = `serving.knative.dev/revision=${status.latestReadyRevisionName}`;
      const trouble = answer && (await troubleOf(api, { namespace, selector }));
      if (outcome) return outcome.trouble === undefined ? undefined : (trouble?.reason ?? outcome.trouble);
      const isLate = performance.now() > deadline;
      if (trouble && (trouble.isFinal || isLate)) return trouble.reason;
      if (isLate) return `no answer within ${patienceMs / 1_000} s${ready ? '' : '; not ready'}`;
      await Promise.race([sleep(everyMs), ...(answer ? [answer.catch(() => {})] : [])]);
    }
  } finally {
    over.abort();
  }
}

/** To a form a GET is a visit, to a task not an event: any answer below 500 means that the function runs. */
async function ask(port: number, host: string, signal: AbortSignal): Promise<string | undefined> {
  const outgoing = request({ host: '127.0.0.1', port, headers: { host }, signal });
  outgoing.end();
  const [incoming] = await once(outgoing, 'response');
  const body = await text(incoming);
  const status = Number(incoming.statusCode);
  return status < 500 ? undefined : `answers ${status}: ${body.trim().split('\n', 1)[0]}`;
}
