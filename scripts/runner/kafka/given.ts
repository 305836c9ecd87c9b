import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { KafkaConfig, SASLOptions } from 'kafkajs';
import * as v from 'valibot';

/** A Kafka that runs already, named as a form names it. */
export interface GivenKafka {
  brokers: string;
  /** A form's other variables for it, as far as they are set. */
  credentials: Record<string, string>;
  /** The same for a client of the runner's own. */
  settings: Pick<KafkaConfig, 'ssl' | 'sasl'>;
}

const text = v.optional(v.string());
const Credentials = v.object({
  KAFKA_TLS: v.optional(v.picklist(['true', 'false'])),
  KAFKA_CA_FILE: v.pipe(
    text,
    v.transform((file) => file && resolve(file)),
  ),
  KAFKA_USERNAME: text,
  KAFKA_PASSWORD: text,
  KAFKA_SASL_MECHANISM: v.optional(v.picklist(['plain', 'scram-sha-256', 'scram-sha-512'])),
});

/** The Kafka that the runner's own environment names; undefined when it names none. @throws Error when a variable is wrong */
export function findKafka(ambient: Record<string, string | undefined>): GivenKafka | undefined {
  const { KAFKA_BROKERS: brokers } = ambient;
  if (!brokers) return undefined;
  const { success, output, issues } = v.safeParse(Credentials, ambient);
  if (!success) throw new Error(`${v.getDotPath(issues[0])} is wrong: ${issues[0].message}`);
  const { KAFKA_TLS, KAFKA_CA_FILE, KAFKA_USERNAME: username, KAFKA_PASSWORD: password } = output;
  if (!username !== !password)
    throw new Error('KAFKA_USERNAME and KAFKA_PASSWORD go together: set both or none');
  const credentials = Object.entries(output).flatMap(([name, value]) => (value ? [[name, value]] : []));
  return {
    brokers,
    credentials: Object.fromEntries(credentials),
    settings: {
      ...(KAFKA_TLS === 'true' ? { ssl: KAFKA_CA_FILE ? { ca: [authorityIn(KAFKA_CA_FILE)] } : true } : {}),
      ...(username && password ? { sasl: saslOf(output.KAFKA_SASL_MECHANISM, { username, password }) } : {}),
    },
  };
}

function authorityIn(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new Error(`KAFKA_CA_FILE: ${file} cannot be read`, { cause });
  }
}

/** Written out: kafkajs's type has a member for each mechanism. */
function saslOf(
  mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512' = 'scram-sha-512',
  user: { username: string; password: string },
): SASLOptions {
  if (mechanism === 'plain') return { mechanism, ...user };
  if (mechanism === 'scram-sha-256') return { mechanism, ...user };
  return { mechanism, ...user };
}
