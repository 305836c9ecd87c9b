import type { Instance } from './instance.ts';

/** A place at an instance. */
export interface Lease {
  instance: Instance;
  /** Returns the place; only the first call counts. */
  release(): void;
}

interface Member {
  instance: Instance;
  inFlight: number;
  /** Requests that are over. */
  served: number;
  /** Takes no more requests and stops after its last one. */
  draining: boolean;
}

/**
 * The instances of a Service that run, and which request is where. Decides nothing about their number.
 * @param onRelease called after a request; `isMember` is false when its instance has left the pool meanwhile
 * @param onExit called when an instance ends by itself
 * @param onStopped called when an instance is gone that the pool stopped
 */
export function openInstancePool({
  onRelease,
  onExit,
  onStopped,
}: {
  onRelease: (isMember: boolean) => void;
  onExit: (instance: Instance, how: string, served: number) => void;
  onStopped: (instance: Instance) => void;
}) {
  const members = new Set<Member>();
  const stopping = new Set<Instance>();
  let leases = 0;

  const ready = () => [...members].filter(({ draining }) => !draining);
  const inFlight = (list: Iterable<Member>) => [...list].reduce((sum, one) => sum + one.inFlight, 0);

  function retire(member: Member) {
    const { instance } = member;
    members.delete(member);
    stopping.add(instance);
    void instance.stop().then(() => {
      stopping.delete(instance);
      onStopped(instance);
    });
  }

  const instances = () => [...[...members].map(({ instance }) => instance), ...stopping];

  function retireIdle() {
    for (const member of members) if (member.draining && member.inFlight === 0) retire(member);
  }

  return {
    add(instance: Instance) {
      const member: Member = { instance, inFlight: 0, served: 0, draining: false };
      members.add(member);
      void instance.exited.then((how) => {
        if (members.delete(member)) onExit(instance, how, member.served);
      });
    },
    /** A place at the instance that has the fewest requests; undefined when all have `limit`. */
    lease(limit: number): Lease | undefined {
      let best: Member | undefined;
      for (const member of members) {
        if (!member.draining && member.inFlight < limit && member.inFlight < (best?.inFlight ?? Infinity))
          best = member;
      }
      if (!best) return undefined;
      const member = best;
      member.inFlight += 1;
      leases += 1;
      let held = true;
      return {
        instance: member.instance,
        release() {
          if (!held) return;
          held = false;
          member.inFlight -= 1;
          member.served += 1;
          onRelease(members.has(member));
        },
      };
    },
    /** Instances that take requests, and the requests that they have. */
    ready() {
      const list = ready();
      return { count: list.length, inFlight: inFlight(list) };
    },
    /** Requests at instances, those included that are being drained. */
    inFlight: () => inFlight(members),
    /** Places given so far. */
    leases: () => leases,
    pids: () => [...members].map(({ instance }) => instance.pid),
    /** Every process of the pool, those included that are being stopped. */
    instances,
    retireIdle,
    /** Stops `count` instances, those with the fewest requests, each after its last request. */
    drain(count: number) {
      if (count > 0) {
        const idlest = ready().toSorted((a, b) => a.inFlight - b.inFlight);
        for (const member of idlest.slice(0, count)) member.draining = true;
      }
      retireIdle();
    },
    /** Stops every instance, whatever it does, with SIGKILL after `graceMs`. */
    async close(graceMs: number) {
      const all = instances();
      members.clear();
      await Promise.all(all.map((instance) => instance.stop(graceMs)));
    },
  };
}
