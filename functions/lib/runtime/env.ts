import * as v from 'valibot';

/** The environment variables of a function: a valibot schema for each, with a `v.description` that says what to set. */
export type EnvEntries = Record<string, v.GenericSchema<string | undefined, unknown>>;
export type Env<E extends EnvEntries> = v.InferOutput<v.ObjectSchema<E, undefined>>;

/** Thrown at start-up. The message names every bad or missing variable and what to set it to. */
export class EnvError extends Error {
  override name = 'EnvError';
}

/**
 * Reads and checks environment variables; an empty value counts as unset, as Kubernetes manifests often carry them.
 * @throws EnvError
 */
export function readEnv<E extends EnvEntries>(
  entries: E,
  source: Record<string, string | undefined> = process.env,
): Env<E> {
  const given = Object.fromEntries(Object.keys(entries).map((key) => [key, source[key] || undefined]));
  const result = v.safeParse(v.object(entries), given);
  if (result.success) return result.output;
  const lines = result.issues.map((issue) => {
    const key = String(issue.path?.[0].key);
    const schema = entries[key];
    const wanted = (schema && v.getDescription(schema)) ?? 'a value';
    return `  ${key} ${given[key] === undefined ? 'is missing' : `is wrong (${issue.message})`}; set it to ${wanted}`;
  });
  throw new EnvError(`The environment is not complete:\n${[...new Set(lines)].join('\n')}`);
}

/** A whole number between `min` and `max`, read from text. */
export function integer(
  description: string,
  { min, max, fallback }: { min: number; max: number; fallback: number },
) {
  return v.pipe(
    v.optional(v.string(), String(fallback)),
    v.regex(/^\d+$/, 'not a whole number'),
    v.transform(Number),
    v.minValue(min, `less than ${min}`),
    v.maxValue(max, `more than ${max}`),
    v.description(`${description} (${min} to ${max}, default ${fallback})`),
  );
}

/** Checks an address that may contain a name and a password, where a percent sign begins an escape. */
export function decodable() {
  return v.check<string, string>((text) => {
    try {
      decodeURIComponent(text);
      return true;
    } catch {
      return false;
    }
  }, 'a percent sign that begins no escape; write %25 for one');
}
