import * as v from 'valibot';
import { belongsTo } from '../buffer/erasure.ts';
import type { BinaryMessage } from '../event/event.ts';
import type { DurableRedis } from '../stores/redis.ts';
import * as scripts from './queue-scripts.ts';

/** An event that a run is at. */
export interface Taken {
  id: string;
  /** Names the run: whoever comes back after its lease finds that the entry is another's. */
  holder: string;
  message: BinaryMessage;
  destination: string;
  failures: number;
  downs: number;
}

/** A task's events that are tried again later. All reject with Unavailable. */
export interface Queue {
  /** Puts an event in, for good once this resolves; one that waits already keeps its turn. */
  put(entry: {
    id: string;
    message: BinaryMessage;
    destination: string;
    reason: string;
    pauseMs: number;
    redriven: boolean;
  }): Promise<'queued' | 'waiting' | 'forgotten'>;
  /** Takes one that is due and of whose destination not too many are under way; undefined when there is none. */
  take(): Promise<Taken | undefined>;
  /** Keeps others away for another lease. False when it is another run's by now, or forgotten. */
  hold(taken: Taken): Promise<boolean>;
  /** `gone`: Redis does not know it, as when it was done by another run, is forgotten, or Redis lost what it had. */
  again(
    taken: Taken,
    how: { reason: string; pauseMs: number; failures: number; downs: number },
  ): Promise<'again' | 'taken' | 'gone'>;
  done(taken: Taken): Promise<void>;
  /** Removes a submission and what tasks replied about it, for good. */
  forget(submission: string): Promise<void>;
}

export interface QueueOptions {
  redis: Pick<DurableRedis, 'write' | 'run'>;
  task: string;
  /** How long a submission is known to be forgotten, in days. */
  days: number;
  /** Under way for one destination, by all runs together. */
  atOnce: number;
  /** How long others leave alone what a run is at, in milliseconds; longer than one takes. */
  leaseMs: number;
}

/** Opens a task's queue. Each step is one Lua script, and may be made twice. */
export function openQueue({ redis, task, days, atOnce, leaseMs }: QueueOptions): Queue {
  const memory = days * 86_400;
  const write = (script: string, ...args: (string | number)[]) => redis.write(script, [task, ...args]);

  return {
    async put({ id, message, destination, reason, pauseMs, redriven }) {
      const entry = [id, submissionOf(id), JSON.stringify(message), destination, reason, pauseMs];
      return v.parse(Put, await write(scripts.putScript, ...entry, redriven ? '1' : '', memory));
    },
    async take() {
      const holder = crypto.randomUUID();
      const found = v.parse(Found, await write(scripts.takeScript, holder, atOnce, leaseMs));
      if (!found) return undefined;
      const [id, message, destination, failures, downs] = found;
      return { id, holder, message, destination, failures, downs };
    },
    async hold({ id, holder }) {
      return (await write(scripts.holdScript, id, submissionOf(id), holder, leaseMs)) === 1;
    },
    async again({ id, holder }, { reason, pauseMs, failures, downs }) {
      return v.parse(Again, await write(scripts.againScript, id, holder, reason, pauseMs, failures, downs));
    },
    async done({ id, holder }) {
      await write(scripts.doneScript, id, holder);
    },
    async forget(submission) {
      // From here on none comes in, so all that there are can be found.
      await write(scripts.forgetScript, submission, memory, submission);
      const pattern = `${submission.replaceAll(/[[\]*?\\]/g, String.raw`\$&`)}/*`;
      let cursor = '0';
      do {
        const [next, members] = v.parse(Page, await redis.run(scripts.scanScript, [task, cursor, pattern]));
        cursor = next;
        // Each with its score.
        const ids = members.filter((id, i) => i % 2 === 0 && belongsTo(id, submission));
        if (ids.length > 0) await write(scripts.forgetScript, submission, memory, ...ids);
      } while (cursor !== '0');
    },
  };
}

/** What a task replied about a submission has an id that begins with its. */
const submissionOf = (id: string) => id.split('/', 1)[0] ?? id;

const Put = v.picklist(['queued', 'waiting', 'forgotten']);
const Again = v.picklist(['again', 'taken', 'gone']);
const Message = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ headers: v.record(v.string(), v.string()), body: v.string() }),
);
const Count = v.pipe(v.string(), v.transform(Number), v.integer());
const Found = v.nullable(v.tuple([v.string(), Message, v.string(), Count, Count]));
const Page = v.tuple([v.string(), v.array(v.string())]);
