import { readFileSync } from 'node:fs';
import type { KafkaConfig, SASLOptions } from 'kafkajs';
import * as v from 'valibot';
import { EnvError, type Env } from '../runtime/env.ts';

export const kafkaEnv = {
  KAFKA_BROKERS: v.pipe(
    v.optional(
      v.pipe(
        v.string(),
        v.regex(/^[^\s,:]+:\d+(\s*,\s*[^\s,:]+:\d+)*$/, 'not host:port, with commas between several'),
      ),
    ),
    v.description('addresses of Kafka, e.g. kafka-0:9092,kafka-1:9092'),
  ),
  KAFKA_TOPIC: v.pipe(
    v.optional(v.string(), 'form-submissions'),
    v.regex(/^[\w.-]{1,249}$/, 'not the name of a topic'),
    v.description('the topic that events go to (default: form-submissions)'),
  ),
  KAFKA_TLS: v.pipe(
    v.optional(v.picklist(['true', 'false'], 'neither true nor false'), 'false'),
    v.description('true or false (the default): whether to connect to Kafka over TLS'),
  ),
  KAFKA_CA_FILE: v.pipe(
    v.optional(v.string()),
    v.description("a PEM file with the authority of Kafka's certificate (default: those that Node trusts)"),
  ),
  KAFKA_USERNAME: v.pipe(v.optional(v.string()), v.description('the user for SASL (default: no SASL)')),
  KAFKA_PASSWORD: v.pipe(v.optional(v.string()), v.description("that user's password")),
  KAFKA_SASL_MECHANISM: v.pipe(
    v.optional(v.picklist(['plain', 'scram-sha-256', 'scram-sha-512'], 'no such mechanism'), 'scram-sha-512'),
    v.description('plain, scram-sha-256 or scram-sha-512 (the default)'),
  ),
};

export interface Connection extends Pick<KafkaConfig, 'ssl' | 'sasl'> {
  brokers: string[];
}

/** The settings of the connection. @throws EnvError when the variables contradict each other */
export function connectionOf(env: Env<typeof kafkaEnv>): Connection {
  const { KAFKA_BROKERS, KAFKA_TLS, KAFKA_CA_FILE, KAFKA_USERNAME, KAFKA_PASSWORD } = env;
  if ((KAFKA_USERNAME === undefined) !== (KAFKA_PASSWORD === undefined))
    throw new EnvError('KAFKA_USERNAME and KAFKA_PASSWORD go together: set both or none.');
  const sasl = { username: KAFKA_USERNAME ?? '', password: KAFKA_PASSWORD ?? '' };
  return {
    brokers: (KAFKA_BROKERS ?? '').split(',').map((broker) => broker.trim()),
    ...(KAFKA_TLS === 'true' ? { ssl: KAFKA_CA_FILE ? { ca: [authority(KAFKA_CA_FILE)] } : true } : {}),
    ...(KAFKA_USERNAME === undefined ? {} : { sasl: saslOf(env.KAFKA_SASL_MECHANISM, sasl) }),
  };
}

/** A branch for each mechanism, because kafkajs's type is a union. */
function saslOf(
  mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512',
  user: { username: string; password: string },
): SASLOptions {
  if (mechanism === 'plain') return { mechanism, ...user };
  if (mechanism === 'scram-sha-256') return { mechanism, ...user };
  return { mechanism, ...user };
}

function authority(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new EnvError(`KAFKA_CA_FILE: ${file} cannot be read.`, { cause });
  }
}
