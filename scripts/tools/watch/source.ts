/** A Service at one moment. What is not to be had is undefined. */
export interface ServiceState {
  name: string;
  kind: 'form' | 'task';
  /** Instances that take requests. */
  ready: number;
  /** Instances that the autoscaler wants. */
  wanted: number | undefined;
  /** Requests in flight at its instances, and those that wait for one where that is known. */
  concurrency: number | undefined;
  /** Requests a second, since the reading before. */
  perSecond: number | undefined;
  /** Instances that came up since the watch began. */
  coldStarts: number;
}

/** Something whose Services can be watched. */
export interface Source {
  /** For people: what it is and where. */
  name: string;
  /** Forms first, each kind by name. @throws Error that says what to do */
  read(signal: AbortSignal): Promise<ServiceState[]>;
}

/** It is coming up: nothing is wrong, and there is nothing to see yet. */
export class Starting extends Error {
  override name = 'Starting';
}

export function inOrder(states: ServiceState[]): ServiceState[] {
  return states.toSorted((a, b) => a.kind.localeCompare(b.kind) || a.name.localeCompare(b.name));
}
