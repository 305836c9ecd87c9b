import * as v from 'valibot';
import { belongsTo } from '../buffer/erasure.ts';
import type { BinaryMessage } from '../event/event.ts';
import type { DurableRedis } from '../stores/redis.ts';
import * as scripts from './queue-scripts.ts';

/** An event that a run works on. */
export interface Taken {
  id: string;
  /** Identifies the run: after its lease another run may hold the entry. */
  holder: string;
  message: BinaryMessage;
  destination: string;
  failures: number;
  downs: number;
}

/** A task's events that will be retried. Every method rejects with Unavailable. */
export interface Queue {
  /** Adds an event, durably once this resolves. An event that waits already keeps its turn. */
  put(entry: {
    id: string;
    message: BinaryMessage;
    destination: string;
    reason: string;
    pauseMs: number;
    redriven: boolean;
  }): Promise<'queued' | 'waiting' | 'forgotten'>;
  /** Takes a due event whose destination has fewer than `atOnce` under way; undefined when there is none. */
  take(): Promise<Taken | undefined>;
  /** Extends the lease. False when another run holds the event now, or it is forgotten. */
  hold(taken: Taken): Promise<boolean>;
  /** `gone`: Redis does not know the event; another run has done it, it is forgotten, or Redis lost its data. */
  again(
    taken: Taken,
    how: { reason: string; pauseMs: number; failures: number; downs: number },
  ): Promise<'again' | 'taken' | 'gone'>;
  done(taken: Taken): Promise<void>;
  /** Removes a submission and the replies about it, permanently. */
  forget(submission: string): Promise<void>;
}

export interface QueueOptions {
  redis: Pick<DurableRedis, 'write' | 'run'>;
  task: string;
  /** How long forgotten submissions are remembered, in days. */
  days: number;
  /** Most under way for one destination, in all runs together. */
  atOnce: number;
  /** How long an event belongs to the run that took it, in milliseconds; longer than one try. */
  leaseMs: number;
}

/** Opens a task's queue. Each step is one Lua script and is safe to repeat. */
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
      // From here on no event of it is added, so the scan finds them all.
      await write(scripts.forgetScript, submission, memory, submission);
      const pattern = `${submission.replaceAll(/[[\]*?\\]/g, String.raw`\$&`)}/*`;
      let cursor = '0';
      do {
        const [next, members] = v.parse(Page, await redis.run(scripts.scanScript, [task, cursor, pattern]));
        cursor = next;
        // ids and scores, in turn
        const ids = members.filter((id, i) => i % 2 === 0 && belongsTo(id, submission));
        if (ids.length > 0) await write(scripts.forgetScript, submission, memory, ...ids);
      } while (cursor !== '0');
    },
  };
}

/** The id of a task's reply begins with the submission's id. */
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
