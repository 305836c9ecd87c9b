import * as v from 'valibot';
import type { DurableRedis } from '../../lib/stores/redis.ts';
import { Position } from './archived.ts';
import { Counts } from './compare.ts';

const Forms = v.record(v.string(), Counts);
export const Run = v.object({
  /** Times of receipt of the submissions that the audit looks at. */
  since: v.string(),
  until: v.string(),
  position: Position,
  /** How many tabs make a part. */
  places: v.number(),
  forms: Forms,
});
/** An audit that is not complete: how far it is, and what it has found so far. */
export type Run = v.InferOutput<typeof Run>;

export interface Progress {
  /** The audit to continue, as it was last kept. */
  run: Run | undefined;
  /** Keeps how far it is. False when another process has continued it meanwhile: then that process's result counts. @throws Unavailable */
  keep(run: Run): Promise<boolean>;
  /** Ends it, and returns the forms of the previous complete audit; undefined when another process has continued it meanwhile. @throws Unavailable */
  complete(run: Run): Promise<string[] | undefined>;
}

/** Reads what Redis knows of the audit under way. @throws Unavailable */
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
 *   audit:forms  the forms of the last complete audit, as JSON
 */
const readScript = `return redis.call('GET', 'audit:run') or ''`;

/** ARGV: the run as it was, the run as it is. Returns 0 when it is not the run under way. */
const keepScript = `
if (redis.call('GET', 'audit:run') or '') ~= ARGV[1] then return 0 end
redis.call('SET', 'audit:run', ARGV[2])
return 1
`;

/** ARGV: the run as it was, its forms. Returns the forms of the previous run; nil when it is not the run under way. */
const completeScript = `
if (redis.call('GET', 'audit:run') or '') ~= ARGV[1] then return nil end
local before = redis.call('GET', 'audit:forms') or '[]'
redis.call('SET', 'audit:forms', ARGV[2])
redis.call('DEL', 'audit:run')
return before
`;
