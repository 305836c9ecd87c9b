/** Requests that wait for a place, served in the order of their arrival. */
export interface WaitingQueue<Place> {
  size(): number;
  /** Rejects with the signal's reason, or with the error of `refuse`. */
  wait(signal: AbortSignal): Promise<Place>;
  /** Hands out places for as long as there are some. */
  serve(nextPlace: () => Place | undefined): void;
  /** Rejects all that wait. */
  refuse(error: Error): void;
}

/** @param onLeave called when a request stops waiting because its signal aborted */
export function openWaitingQueue<Place>(onLeave: () => void): WaitingQueue<Place> {
  interface Waiter {
    take(place: Place): void;
    refuse(error: Error): void;
  }
  const waiters = new Set<Waiter>();
  return {
    size: () => waiters.size,
    wait: (signal) =>
      new Promise((resolve, reject) => {
        const onAbort = () => {
          waiters.delete(waiter);
          reject(signal.reason);
          onLeave();
        };
        const settled = () => {
          waiters.delete(waiter);
          signal.removeEventListener('abort', onAbort);
        };
        const waiter: Waiter = {
          take(place) {
            settled();
            resolve(place);
          },
          refuse(error) {
            settled();
            reject(error);
          },
        };
        signal.addEventListener('abort', onAbort);
        waiters.add(waiter);
      }),
    serve(nextPlace) {
      for (const waiter of waiters) {
        const place = nextPlace();
        if (place === undefined) return;
        waiter.take(place);
      }
    },
    refuse(error) {
      for (const waiter of waiters) waiter.refuse(error);
    },
  };
}
