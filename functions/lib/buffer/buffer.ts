import type { DurableRedis } from '../stores/redis.ts';
import { openBatches, type Batches, type BatchesOptions } from './batches.ts';
import { openErasure, type Erasure } from './erasure.ts';
import { openLeases, type Leases } from './lease.ts';
import { openParkedTabs, type ParkedTabs } from './parked-tabs.ts';
import { openSpreadsheets, type Spreadsheets } from './spreadsheets.ts';

/** The buffer in Redis between the tasks and the sheets, as a flush sees it; rows come in through `openRowQueue`. */
export interface RowBuffer extends Batches, Spreadsheets, ParkedTabs, Erasure, Leases {}

export interface RowBufferOptions extends BatchesOptions {
  redis: DurableRedis;
}

/** Each step is one Lua script, and so happens as a whole or not at all. */
export function openBuffer({ redis, ...options }: RowBufferOptions): RowBuffer {
  return {
    ...openBatches({ redis, ...options }),
    ...openSpreadsheets(redis),
    ...openParkedTabs(redis),
    ...openErasure(redis),
    ...openLeases(redis),
  };
}
