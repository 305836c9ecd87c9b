import type { IncomingMessage, ServerResponse } from 'node:http';
import type { DeadLetter, LoggedEvent } from '../broker/event-log/rows.ts';
import type { Running } from '../data-folder/data-folder.ts';
import type { ScheduleStatus } from '../schedules/ping.ts';
import type { Services } from '../serving/services.ts';
import type { Waiting } from './waiting.ts';

/** What the gateway shows and reaches. */
export interface GatewayParts {
  /** Names of the public Services: each is at `/<name>/`. */
  forms: string[];
  services: Pick<Services, 'request' | 'status'>;
  deadLetters: (before?: number) => DeadLetter[];
  /** Delivers the events of dead letters again; returns how many. */
  redrive: (ids: number[]) => Promise<number>;
  /** The Broker's log, a page of it. */
  events: (after: number) => LoggedEvent[];
  /** Delivers events to one Trigger again; undefined when there is no such Trigger. */
  redeliver: (trigger: string, seqs: number[]) => Promise<number> | undefined;
  /** For tools on this machine: where things are, but for what needs a password. That stands in the data folder, `data`. */
  connections: Omit<Running, 'url' | 'database'> & { data: string };
  /** All figures, in Prometheus' text format. */
  metrics: () => Promise<string>;
  waiting: () => Promise<Waiting>;
  /** Resolves when what was submitted so far has reached its tasks, or after a few seconds. */
  delivered: () => Promise<void>;
  schedules: {
    status(): ScheduleStatus[];
    /** Undefined when there is no such schedule. Rejects when the sink cannot be reached. */
    fire(name: string): Promise<{ schedule: string; id: string; status: number }> | undefined;
  };
  /** Serves the Sheets emulator's pages, `path` being what follows `/_/sheets/`; absent when the real Google is used. */
  sheets: Pages | undefined;
  /** Likewise the mails, `path` being what follows `/_/mails`; absent when another SMTP server is used. */
  mails?: Pages | undefined;
}

/** Answers a request; returns false for a method that it does not take. */
type Pages = (req: IncomingMessage, res: ServerResponse, path: string) => boolean;
