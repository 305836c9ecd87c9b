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
  /** Requests at members. */
  let inFlight = 0;
  /** Members that take requests, and the requests that they have. */
  const ready = { count: 0, inFlight: 0 };

  function leaveReady(member: Member) {
    ready.count -= 1;
    ready.inFlight -= member.inFlight;
  }

  function startDraining(member: Member) {
    member.draining = true;
    leaveReady(member);
  }

  function occupy(member: Member): Lease {
    member.inFlight += 1;
    ready.inFlight += 1;
    inFlight += 1;
    leases += 1;
    let held = true;
    return {
      instance: member.instance,
      release() {
        if (!held) return;
        held = false;
        member.inFlight -= 1;
        member.served += 1;
        const isMember = members.has(member);
        if (isMember) inFlight -= 1;
        if (isMember && !member.draining) ready.inFlight -= 1;
        onRelease(isMember);
      },
    };
  }

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
      ready.count += 1;
      void instance.exited.then((how) => {
        if (!members.delete(member)) return;
        inFlight -= member.inFlight;
        if (!member.draining) leaveReady(member);
        onExit(instance, how, member.served);
      });
    },
    /**
     * A place at the oldest instance that has fewer requests than it is meant to have, else at the one with the fewest: so as many work as
     * the autoscaler asks for, and what meets in one goes to Kafka together. 64 clients spread over five instances cost twice the processor
     * time. (Knative's activator does so for small containerConcurrency, and spreads requests otherwise.) Undefined when all have `limit`.
     */
    lease({ target, limit }: { target: number; limit: number }): Lease | undefined {
      let best: Member | undefined;
      for (const member of members) {
        if (member.draining || member.inFlight >= limit) continue;
        if (member.inFlight < target) return occupy(member);
        if (member.inFlight < (best?.inFlight ?? Infinity)) best = member;
      }
      return best && occupy(best);
    },
    /** Instances that take requests, and the requests that they have. */
    ready: () => ready,
    /** Requests at instances, those included that are being drained. */
    inFlight: () => inFlight,
    /** Places given so far. */
    leases: () => leases,
    pids: () => [...members].map(({ instance }) => instance.pid),
    /** Every process of the pool, those included that are being stopped. */
    instances,
    retireIdle,
    /** Stops `count` instances, those with the fewest requests, each after its last request. */
    drain(count: number) {
      if (count > 0) {
        const takers = [...members].filter(({ draining }) => !draining);
        const idlest = takers.toSorted((a, b) => a.inFlight - b.inFlight);
        for (const member of idlest.slice(0, count)) startDraining(member);
      }
      retireIdle();
    },
    /** Stops every instance, whatever it does, with SIGKILL after `graceMs`. */
    async close(graceMs: number) {
      const all = instances();
      members.clear();
      inFlight = 0;
      Object.assign(ready, { count: 0, inFlight: 0 });
      await Promise.all(all.map((instance) => instance.stop(graceMs)));
    },
  };
}
