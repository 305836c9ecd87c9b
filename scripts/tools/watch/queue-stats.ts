/** What one instance's queue-proxy reports to Knative's autoscaler each second. */
export interface QueueStats {
  /** Requests in flight, on average over the last second. */
  concurrency: number;
  /** Requests of the last second. */
  perSecond: number;
}

/** The content type that its port 9090 answers with. */
export const statsType = 'application/protobuf';

const fields = new Map<number, keyof QueueStats>([
  [2, 'concurrency'],
  [4, 'perSecond'],
]);

/**
 * Reads Knative's message `Stat`, protobuf: doubles, and the pod's name; a field that is zero is left out.
 * https://github.com/knative/serving/blob/main/pkg/autoscaler/metrics/stat.proto
 * @throws Error when the message is not a Stat
 */
export function readQueueStats(message: Buffer): QueueStats {
  const stats: QueueStats = { concurrency: 0, perSecond: 0 };
  let at = 0;
  const number = () => {
    for (let value = 0, shift = 0; shift < 35; shift += 7) {
      const byte = message.readUInt8(at++);
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new Error('this is not a Stat of queue-proxy: a number has no end');
  };
  while (at < message.length) {
    const tag = number();
    const [field, wire] = [tag >>> 3, tag & 7];
    if (wire === 1) {
      const name = fields.get(field);
      const value = message.readDoubleLE(at);
      if (name) stats[name] = value;
      at += 8;
    } else if (wire === 2) {
      const length = number();
      at += length;
    } else if (wire === 0) number();
    else throw new Error(`this is not a Stat of queue-proxy: field ${field} is of type ${wire}`);
  }
  return stats;
}
