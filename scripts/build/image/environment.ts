import type { Service } from '../../manifests/types.ts';

/** Long enough, and an address: what functions ask of a key of a Secret. */
const SECRET = 'postgres://user:for-this-test-only@database.invalid/formbus';

/** What a function's manifest says, with a value for each key of a Secret. Kafka is not here; K_SINK takes its place. */
export function environment({ env }: Service, sink: string): Record<string, string> {
  const values = env.flatMap((variable) => {
    if ('value' in variable) return [[variable.name, variable.value]];
    return variable.optional ? [] : [[variable.name, SECRET]];
  });
  return { ...Object.fromEntries(values), KAFKA_BROKERS: '', K_SINK: sink };
}
