import * as v from 'valibot';
import type { DurableRedis } from '../../lib/stores/redis.ts';
import { Position } from './archived.ts';
import { Counts } from './compare.ts';

const Forms = v.record(v.string(), Counts);
export const Run = v.object({
  /** Times of receipt: what is looked at. */
  since: v.string(),
  until: v.string(),
  position: Position,
  /** How many tabs go together. */
  places: v.number(),
  forms: Forms,
});
/** An audit that is not complete: how far it is, and what it found up to there. */
export type Run = v.InferOutput<typeof Run>;

export interface Progress {
  /** The audit to go on with, as it was last kept. */
  run: Run | undefined;
  /** Keeps how far it is. False when another process has gone on with it meanwhile: then that one counts. @throws Unavailable */
  keep(run: Run): Promise<boolean>;
  /** Ends it; gives the forms of the audit that was complete before. Undefined as for `keep`. @throws Unavailable */
  complete(run: Run): Promise<string[] | undefined>;
}

/** What Redis knows of the audit under way. @throws Unavailable */
export async function readProgress(redis: DurableRedis): Promise<Progress> {
  let kept = v.parse(v.string(), await redis.run(readScript, []));
  return {
    run: kept === '' ? undefined : v.parse(v.pipe(v.string(), v.parseJson(), Run), kept),
    async keep(run) {
      const text = JSON.stringify(run);
      const isKept = (await redis.write(keepScript, [kept, text])) === 1;
      kept = text;
      return isKept;
    },
    async complete({ forms }) {
      const before = await redis.write(completeScript, [kept, JSON.stringify(Object.keys(forms))]);
      const Names = v.nullable(v.pipe(v.string(), v.parseJson(), v.array(v.string())));
      return v.parse(Names, before) ?? undefined;
    },
  };
}

/*
 *   audit:run    the audit under way, as JSON
 *   audit:forms  the forms of the last one that was complete, as JSON
 */
const readScript = `return redis.call('GET', 'audit:run') or ''`;

/** ARGV: the run as it was, as it is. */
const keepScript = `
if (redis.call('GET', 'audit:run') or '') ~= ARGV[1] then return 0 end
redis.call('SET', 'audit:run', ARGV[2])
return 1
`;

/** ARGV: the run as it was, its forms. Gives those of the one before; nil when it is not the one under way. */
const completeScript = `
if (redis.call('GET', 'audit:run') or '') ~= ARGV[1] then return nil end
local before = redis.call('GET', 'audit:forms') or '[]'
redis.call('SET', 'audit:forms', ARGV[2])
redis.call('DEL', 'audit:run')
return before
`;
