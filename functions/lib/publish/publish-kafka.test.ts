import { describe, expect, it } from 'vitest';
import { demoForm } from '../../forms/demo-form/demo-form.ts';
import { formEnv } from '../../testing/sink.ts';
import { serve } from '../serve/serve.ts';

const startForm = (env: Record<string, string>) => serve(demoForm, { env: formEnv({ url: '' }, env) });

describe('where events go', () => {
  it('must be set: Kafka or a sink', async () => {
    await expect(startForm({})).rejects.toThrow('KAFKA_BROKERS and K_SINK are missing');
  });

  it.each([
    [{ KAFKA_BROKERS: 'kafka' }, 'KAFKA_BROKERS is wrong (not host:port'],
    [{ KAFKA_BROKERS: 'kafka:9092', KAFKA_TLS: 'yes' }, 'KAFKA_TLS is wrong'],
    [
      { KAFKA_BROKERS: 'kafka:9092', KAFKA_USERNAME: 'formbus' },
      'KAFKA_USERNAME and KAFKA_PASSWORD go together',
    ],
    [
      { KAFKA_BROKERS: 'kafka:9092', KAFKA_TLS: 'true', KAFKA_CA_FILE: '/nothing.pem' },
      '/nothing.pem cannot be read',
    ],
  ])('is refused at the start when it is wrong: %j', async (env, message) => {
    await expect(startForm(env)).rejects.toThrow(message);
  });
});
