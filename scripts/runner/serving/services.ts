import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Send } from '../delivery/send.ts';
import { call, callUri } from './call.ts';
import { NotDelivered } from './connections.ts';
import type { Instance } from './instance.ts';
import type { Lease } from './instance-pool.ts';
import type { Log } from '../log.ts';
import type { Service } from '../../manifests/types.ts';
import { hasBody } from '../../emulators/web/linger.ts';
import { answerProblem } from '../../emulators/web/problem.ts';
import { forwardedOf, proxy } from './proxy.ts';
import { openRevision, Retired, Unavailable, type Revision, type RevisionStatus } from './revision.ts';

/** Every Service's instances. */
export interface Services {
  /** Delivers an event to a Service or a URI. A Service that cannot be started or reached rejects; a time-out answers 504. */
  send: Send;
  /** Proxies one HTTP request to a Service; `path` is what the Service sees, with the query. */
  request(name: string, req: IncomingMessage, res: ServerResponse, path: string): void;
  status(): ServiceStatus[];
  /**
   * From now on there are these Services, those named in `changed` with new instances. What is under way is finished by the instance
   * that has it; what waits for one goes to the new ones.
   */
  reconcile(services: Service[], changed: Set<string>): void;
  /** SIGTERM to every instance, SIGKILL after `graceMs`. */
  close(graceMs?: number): Promise<void>;
}

export interface ServiceStatus extends RevisionStatus {
  name: string;
  /** A task; a form is public. */
  clusterLocal: boolean;
}

class TimedOut extends Error {
  override name = 'TimedOut';
}

/**
 * @param launch starts an instance of a Service
 * @param answered called for each answer of an instance, with the seconds until it was there in full
 */
export function openServices({
  services,
  launch,
  answered = () => {},
  log,
}: {
  services: Service[];
  launch: (service: Service, signal: AbortSignal) => Promise<Instance>;
  answered?: (service: string, status: number, seconds: number) => void;
  log: Log;
}): Services {
  const open = (service: Service) => ({
    service,
    revision: openRevision({ service, log, launch: (signal) => launch(service, signal) }),
  });
  let revisions = new Map(services.map((service) => [service.name, open(service)]));
  /** Replaced or removed, with requests that are not over. */
  const retiring = new Set<Revision>();
  const find = (name: string) => {
    const found = revisions.get(name);
    if (!found) throw new Error(`there is no Service ${name}`);
    return found;
  };

  return {
    async send(to, request, signal) {
      if ('uri' in to) return callUri(to.uri, request, signal);
      const { path, service } = to;
      const limit = limited(signal, find(service).service);
      try {
        return await withInstance(
          () => find(service).revision,
          limit.signal,
          async ({ instance: { connections } }, either) => {
            const begun = performance.now();
            const answer = await call({ connections, path }, request, either);
            answered(service, answer.status, secondsSince(begun));
            return answer;
          },
        );
      } catch (error) {
        // What Knative's queue-proxy answers.
        if (error instanceof TimedOut) return { status: 504, headers: {}, body: Buffer.from(error.message) };
        throw error;
      } finally {
        limit.clear();
      }
    },

    request(name, req, res, path) {
      const gone = new AbortController();
      const limit = limited(gone.signal, find(name).service);
      res.once('close', () => {
        if (!res.writableFinished) gone.abort();
        limit.clear();
      });
      const forwarded = forwardedOf(req, { path, prefix: `/${name}` });
      const forward = () =>
        void withInstance(
          () => find(name).revision,
          limit.signal,
          async ({ instance: { connections } }, signal) => {
            const begun = performance.now();
            await proxy({ connections, forwarded, req, res, signal });
            answered(name, res.statusCode, secondsSince(begun));
          },
        ).catch((error: unknown) => answerFailure(res, error, name));
      // A small body comes in the same turn of the event loop as its headers: whole, it costs half as much as a stream.
      if (hasBody(req)) setImmediate(forward);
      else forward();
    },

    status: () =>
      [...revisions].map(([name, { service, revision }]) => ({
        name,
        clusterLocal: service.clusterLocal,
        ...revision.status(),
      })),

    reconcile(next, changed) {
      const before = revisions;
      revisions = new Map(
        next.map((service) => {
          const running = changed.has(service.name) ? undefined : before.get(service.name);
          return [service.name, running ?? open(service)];
        }),
      );
      for (const [name, { revision }] of before) {
        if (revisions.get(name)?.revision === revision) continue;
        retiring.add(revision);
        void revision.drain().then(() => retiring.delete(revision));
      }
    },

    async close(graceMs = 6_000) {
      const current = [...revisions.values()].map(({ revision }) => revision);
      await Promise.all([...current, ...retiring].map((revision) => revision.close(graceMs)));
    },
  };
}

const secondsSince = (begun: number) => (performance.now() - begun) / 1_000;

/** Runs `work` at an instance, and at others for as long as none took anything of the request. */
async function withInstance<T>(
  find: () => Revision,
  signal: AbortSignal,
  work: (lease: Lease, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    const lease = await place(find, signal);
    try {
      return await work(lease, signal);
    } catch (error) {
      if (!(error instanceof NotDelivered && error.untouched) || attempt === 3) throw error;
    } finally {
      lease.release();
    }
  }
}

/** A place at the Service's revision of the moment: it may change while one waits. */
async function place(find: () => Revision, signal: AbortSignal): Promise<Lease> {
  for (;;) {
    try {
      return await find().acquire(signal);
    } catch (error) {
      if (!(error instanceof Retired)) throw error;
    }
  }
}

/**
 * A revision's timeoutSeconds: from the arrival of a request, waiting for an instance included, to the end of its answer. Returns a
 * signal that goes with the given one, too; `AbortSignal.any` takes several times as long.
 */
function limited(given: AbortSignal, { name, timeoutSeconds }: Service) {
  const controller = new AbortController();
  const message = `${name} did not answer within ${timeoutSeconds} s.`;
  const timeout = setTimeout(() => controller.abort(new TimedOut(message)), timeoutSeconds * 1000);
  const abort = () => controller.abort(given.reason);
  if (given.aborted) abort();
  given.addEventListener('abort', abort);
  return {
    signal: controller.signal,
    clear() {
      clearTimeout(timeout);
      given.removeEventListener('abort', abort);
    },
  };
}

function answerFailure(res: ServerResponse, error: unknown, name: string) {
  if (res.headersSent) {
    res.destroy();
    return;
  }
  const seconds = error instanceof Unavailable ? error.retryAfterSeconds : 1;
  // Knative's queue-proxy answers a time-out with 504; for a person with a form it is one more reason to send it again.
  const isOwn = error instanceof Unavailable || error instanceof TimedOut;
  const detail = isOwn ? error.message : `${name} broke off before it answered; please try again.`;
  answerProblem(res, 503, detail, { headers: { 'retry-after': String(seconds) } });
}
