import type { AlertCase } from './case.ts';

export const redis: Record<string, AlertCase> = {
  RedisDown: {
    fires: { series: { formbus_redis_up: '1x5 0x20' }, at: '9m', labels: {} },
    silent: { series: { formbus_redis_up: '1x5 0 1x20' }, at: '9m' },
  },
  RedisWithoutReplica: {
    fires: { series: { formbus_redis_replicas: '2x5 0x20' }, at: '10m', labels: {} },
    silent: { series: { formbus_redis_replicas: '1x25' }, at: '10m' },
  },
  RedisFilling: {
    fires: {
      series: { formbus_redis_memory_used_bytes: '81x30', formbus_redis_memory_max_bytes: '100x30' },
      at: '20m',
      labels: {},
    },
    // Without maxmemory it cannot be full.
    silent: {
      series: { formbus_redis_memory_used_bytes: '81x30', formbus_redis_memory_max_bytes: '0x30' },
      at: '20m',
    },
  },
  RedisReplicaMissing: {
    fires: { series: { formbus_redis_replicas: '1x30' }, at: '20m', labels: {} },
    silent: { series: { formbus_redis_replicas: '2x10 1x10 2x20' }, at: '25m' },
  },
};
