import RequestQueue from 'kafkajs/src/network/requestQueue/index.js';

const { scheduleCheckPendingRequests: schedule } = RequestQueue.prototype;

/**
 * kafkajs 2.2.4 sets its timer for pending requests even when none is pending, with a negative time, and again each time it fires:
 * every connection wakes its process a thousand times a second, and Node 24 prints a TimeoutNegativeWarning.
 */
export function scheduleOnlyIfPending(): void {
  RequestQueue.prototype.scheduleCheckPendingRequests = function scheduleIfPending() {
    if (this.pending.length > 0) schedule.call(this);
  };
}
