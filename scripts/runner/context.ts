import type { Manifests } from '../manifests/types.ts';
import type { DataFolder } from './data-folder/data-folder.ts';
import type { Gateway } from './gateway/gateway.ts';
import type { Log } from './log.ts';
import type { Parts } from './parts.ts';
import type { Watch } from './project/watch.ts';

/** What every stage of a runner's start is given. */
export interface Context {
  root: string;
  /** The data folder. */
  folder: string;
  manifests: Manifests;
  watch: Watch;
  dataFolder: DataFolder;
  gateway: Gateway;
  withKafka: boolean;
  env: Record<string, string | undefined>;
  log: Log;
  say: (text: string) => void;
  parts: Parts;
  /** By `performance.now()`. */
  began: number;
}
