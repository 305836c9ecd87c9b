import * as v from 'valibot';
import type { DurableRedis } from '../../lib/stores/redis.ts';
import type { Metric } from './totals.ts';

const Found = v.array(v.tuple([v.string(), v.number(), v.number()]));

/** Reads the queues of tasks that try events again later: how many wait, and since when. Returns nothing without Redis. */
export async function readLaterGauges(redis: Pick<DurableRedis, 'run'>): Promise<Metric[]> {
  const found = await redis.run(lookScript, []).catch(() => []);
  const tasks = v.parse(Found, found);
  const values = (pick: (count: number, age: number) => number) =>
    tasks.map(([task, count, age]) => ({ labels: { task }, value: pick(count, age) }));
  return [
    {
      name: 'formbus_later_events',
      help: "Events in a task's own queue, which the task tries again later.",
      type: 'gauge',
      aggregator: 'first',
      values: values((count) => count),
    },
    {
      name: 'formbus_later_oldest_age_seconds',
      help: 'Time since the oldest of these events was put there.',
      type: 'gauge',
      aggregator: 'first',
      values: values((_, age) => age),
    },
  ];
}

/** Returns for each task that ever had events there how many wait, and the age of the oldest in seconds. */
const lookScript = `
local now = tonumber(redis.call('TIME')[1])
local result = {}
for _, task in ipairs(redis.call('SMEMBERS', 'later:tasks')) do
  local oldest = redis.call('ZRANGE', 'later:since:' .. task, 0, 0, 'WITHSCORES')[2]
  local age = oldest and math.max(0, now - math.floor(oldest / 1000)) or 0
  result[#result + 1] = { task, redis.call('ZCARD', 'later:since:' .. task), age }
end
return result
`;
