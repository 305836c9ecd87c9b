import * as v from 'valibot';
import { inOrder, Starting, type ServiceState, type Source } from './source.ts';

const Services = v.array(
  v.object({
    name: v.string(),
    clusterLocal: v.boolean(),
    instances: v.number(),
    wanted: v.number(),
    inFlight: v.number(),
    queued: v.number(),
    requests: v.number(),
    coldStarts: v.number(),
  }),
);
type Service = v.InferOutput<typeof Services>[number];

/** The Services of an `npm start` on this machine. @param url its root, without a slash at the end */
export function watchRunner(url: string, { now = () => performance.now() } = {}): Source {
  let before: { at: number; services: Map<string, Service> } | undefined;
  const coldStarts = new Map<string, number>();
  return {
    name: url,
    async read(signal) {
      const services = await fetchServices(url, signal);
      const at = now();
      const states = services.map((service): ServiceState => {
        const { name, clusterLocal, instances, wanted, inFlight, queued } = service;
        const last = before?.services.get(name);
        const started = (coldStarts.get(name) ?? 0) + (before ? since(last, service, 'coldStarts') : 0);
        coldStarts.set(name, started);
        return {
          name,
          kind: clusterLocal ? 'task' : 'form',
          ready: instances,
          wanted,
          concurrency: inFlight + queued,
          perSecond: before && since(last, service, 'requests') / ((at - before.at) / 1_000),
          coldStarts: started,
        };
      });
      before = { at, services: new Map(services.map((service) => [service.name, service])) };
      return inOrder(states);
    },
  };
}

/** How much a count has grown; it restarts at 0 with a changed Service or another runner. */
function since(last: Service | undefined, now: Service, count: 'coldStarts' | 'requests'): number {
  const [from, to] = [last?.[count] ?? 0, now[count]];
  return to < from ? to : to - from;
}

async function fetchServices(url: string, signal: AbortSignal): Promise<Service[]> {
  const answer = await fetch(`${url}/_/services`, { signal }).catch((cause: unknown) => {
    throw new Error(
      `Formbus does not answer at ${url}; start it with npm start, choose another with --url, or name a cluster with --context`,
      { cause },
    );
  });
  const text = await answer.text();
  if (answer.status === 503 && /formbus is \w+ing/.test(text)) throw new Starting('Formbus is starting');
  const { success, output } = v.safeParse(v.pipe(v.string(), v.parseJson(), Services), text);
  if (!answer.ok || !success)
    throw new Error(`what answers at ${url} is not a Formbus of this version; choose another with --url`);
  return output;
}
