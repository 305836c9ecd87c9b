import type { ServiceState } from './source.ts';

/** What the screen shows. */
export interface View {
  /** The name of what is watched. */
  name: string;
  /** Milliseconds since 1970. */
  at: number;
  /** The last successful reading. */
  services: ServiceState[];
  /** Instances at each of the last ticks by Service, the newest last; undefined where nothing could be read. */
  instances: Map<string, (number | undefined)[]>;
  /** Why there is no newer reading. */
  problem: string | undefined;
}

export interface History {
  /** A tick: a reading, or why there is none. */
  add(reading: ServiceState[] | { problem: string }, at: number): View;
}

/** Keeps the last `ticks` readings of each Service. */
export function openHistory(name: string, ticks = 60): History {
  let services: ServiceState[] = [];
  const instances = new Map<string, (number | undefined)[]>();
  return {
    add(reading, at) {
      if (Array.isArray(reading)) services = reading;
      const problem = Array.isArray(reading) ? undefined : reading.problem;
      for (const gone of instances.keys())
        if (!services.some((service) => service.name === gone)) instances.delete(gone);
      for (const service of services) {
        const past = instances.get(service.name) ?? [];
        past.push(problem === undefined ? service.ready : undefined);
        instances.set(service.name, past.slice(-ticks));
      }
      return { name, at, services, instances, problem };
    },
  };
}
