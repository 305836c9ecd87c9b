import { containers, images, lengths, ports, scaling, totals } from './container-rules.ts';
import { deliveries, kafka, memory, timeouts } from './delivery-rules.ts';
import { loops, overlaps, producers } from './event-rules.ts';
import { alerts, prometheus, scrapes } from './monitoring-rules.ts';
import { callerNames, functionNames } from './name-rules.ts';
import { copies, durability, exits, guards, redisRestarts, redisUsers } from './platform-rules.ts';
import { secrets } from './secret-rules.ts';

/** The rules for all manifests. */
export const RULES = {
  functionNames,
  callerNames,
  producers,
  loops,
  overlaps,
  deliveries,
  timeouts,
  kafka,
  memory,
  containers,
  images,
  ports,
  scaling,
  totals,
  lengths,
  durability,
  guards,
  copies,
  exits,
  redisUsers,
  redisRestarts,
  prometheus,
  scrapes,
  alerts,
  secrets,
};
