/** A Service at one moment. Unknown values are undefined. */
export interface ServiceState {
  name: string;
  kind: 'form' | 'task';
  /** Instances that take requests. */
  ready: number;
  /** Instances that the autoscaler wants. */
  wanted: number | undefined;
  /** Requests in flight at its instances, and those that wait for an instance if known. */
  concurrency: number | undefined;
  /** Requests a second since the last reading. */
  perSecond: number | undefined;
  /** Instances that started since the watch began. */
  coldStarts: number;
}

/** Something whose Services can be watched. */
export interface Source {
  /** For people: what it is and where. */
  name: string;
  /** Forms first, each kind by name. @throws Error that says what to do */
  read(signal: AbortSignal): Promise<ServiceState[]>;
}

/** Formbus is starting: nothing is wrong, but there is nothing to show yet. */
export class Starting extends Error {
  override name = 'Starting';
}

export function inOrder(states: ServiceState[]): ServiceState[] {
  return states.toSorted((a, b) => a.kind.localeCompare(b.kind) || a.name.localeCompare(b.name));
}
