import type { CloudEvent } from '../../../events/cloud-event.ts';

const KEPT = 256;
/** What is larger is read again: all that is kept has some 4 MB at most. */
const LONGEST = 16_384;

/** The events that came last, which their deliveries need not read and parse again. Each place is one that is written before it is read. */
export function openRecentEvents() {
  const slots: ({ seq: number; event: CloudEvent } | undefined)[] = Array.from({ length: KEPT });
  return {
    keep(seq: number, event: CloudEvent) {
      slots[seq % KEPT] = event.data.length > LONGEST ? undefined : { seq, event };
    },
    find(seq: number): CloudEvent | undefined {
      const slot = slots[seq % KEPT];
      return slot?.seq === seq ? slot.event : undefined;
    },
  };
}
