import type { Sentinels } from '../../functions/testing/sentinels/sentinels.ts';

export interface CampaignOptions {
  seed: number;
  lengthMs: number;
  /** Submissions a second, without waiting for answers. */
  rate: number;
  /** Sends everything through a Kafka, which is killed and frozen as well. */
  kafka?: boolean;
  /** Replaces the runner's own Redis; its servers are killed, frozen and cut off. */
  sentinels?: Sentinels | undefined;
  /** The Services whose processes are killed and frozen; all by default. */
  services?: string[];
  /** Keeps the runner's output as `chaos.log` and, when the report is not clean, the data below `data`. */
  folder: string;
  say: (line: string) => void;
  /** Stops the campaign; nothing is left running or mounted. */
  aborted?: AbortSignal;
}

/** A campaign whose Formbus runs. */
export interface Campaign extends Required<CampaignOptions> {
  url: string;
  /** The batches that were written so far. */
  batches: () => number;
  /** The runner's current process id. */
  runner: () => number;
  restart: () => Promise<void>;
  rows: () => Promise<Record<string, string>[][]>;
  deadLetters: () => Promise<unknown[]>;
  mails: () => string[];
}
