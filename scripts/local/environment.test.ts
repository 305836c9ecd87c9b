import { expect, test } from 'vitest';
import { describeOverrides, resolveEnvironments, valuesOf, type Override } from './environment.ts';
import { findGoogle, localOverrides } from './overrides.ts';
import { service } from './testing.ts';

const form = service({
  name: 'demo-form',
  file: 'knative/forms/demo-form.yaml',
  env: [
    { name: 'KAFKA_BROKERS', value: 'kafka:9092' },
    { name: 'KAFKA_TOPIC', value: 'form-submissions' },
    { name: 'SPREADSHEET_ID', value: 'formbus' },
    { name: 'IDEMPOTENCY_SECRET', secret: 'formbus', key: 'idempotency-secret', optional: false },
  ],
});
const flush = service({
  name: 'sheets-flush',
  file: 'knative/tasks/sheets-flush.yaml',
  env: [
    { name: 'REDIS_URL', value: 'redis://redis:6379' },
    { name: 'REDIS_REPLICAS', value: '1' },
    { name: 'GOOGLE_APPLICATION_CREDENTIALS', value: '/run/google/google-credentials.json' },
    { name: 'SPREADSHEET_ID', value: 'formbus' },
  ],
});
const machine = {
  broker: 'http://127.0.0.1:1/formbus',
  redis: 'redis://127.0.0.1:2',
  sheets: 'http://127.0.0.1:3',
  secret: { value: 'random', file: '.formbus/secrets.json' },
};

function resolve(overrides: Override[], ambient = {}) {
  return Object.fromEntries(resolveEnvironments({ services: [form, flush], overrides, ambient }));
}

test('on one machine, events go to the Broker, rows to its Redis and sheets to the emulator', () => {
  expect(resolve(localOverrides(machine))).toEqual({
    'demo-form': { K_SINK: machine.broker, SPREADSHEET_ID: 'formbus', IDEMPOTENCY_SECRET: 'random' },
    'sheets-flush': {
      REDIS_URL: machine.redis,
      REDIS_REPLICAS: '0',
      SHEETS_URL: machine.sheets,
      SPREADSHEET_ID: 'formbus',
    },
  });
});

test('with credentials and a spreadsheet of its own, rows go to the real Google Sheets', () => {
  const google = findGoogle({ GOOGLE_APPLICATION_CREDENTIALS: '/keys/a.json', SPREADSHEET_ID: 'mine' });
  if (!google) throw new Error('not found');
  const environments = resolve(localOverrides({ ...machine, sheets: google }));
  expect(environments['demo-form']).toMatchObject({ SPREADSHEET_ID: 'mine' });
  expect(environments['demo-form']).not.toHaveProperty('GOOGLE_APPLICATION_CREDENTIALS');
  expect(environments['sheets-flush']).toMatchObject({
    GOOGLE_APPLICATION_CREDENTIALS: '/keys/a.json',
    SPREADSHEET_ID: 'mine',
  });
  expect(environments['sheets-flush']).not.toHaveProperty('SHEETS_URL');
  expect(findGoogle({ GOOGLE_APPLICATION_CREDENTIALS: '/keys/a.json' })).toBeUndefined();
});

test('what is set in place of the manifests is told with its reason, secrets without their value', () => {
  const lines = describeOverrides(localOverrides(machine), [form, flush]).split('\n');
  expect(lines).toContainEqual(
    expect.stringMatching(/K_SINK=http:\/\/127\.0\.0\.1:1\/formbus +events go to the Broker here/),
  );
  expect(lines).toContainEqual(expect.stringMatching(/KAFKA_BROKERS removed +there is no Kafka here/));
  expect(lines).toContainEqual(
    expect.stringMatching(/IDEMPOTENCY_SECRET=… +kept in \.formbus\/secrets\.json/),
  );
  expect(lines.join('\n')).not.toContain('random');
  expect(describeOverrides(localOverrides(machine), [form])).not.toContain('REDIS_URL');
});

test('the key of a Secret that has no value here is an error naming the file and what to set', () => {
  const env = [
    { name: 'SMTP_PASSWORD', secret: 'smtp', key: 'password', optional: false },
    { name: 'SMTP_USER', secret: 'smtp', key: 'user', optional: true },
  ];
  const mail = service({ name: 'mail', file: 'knative/tasks/mail.yaml', env });
  const resolve = (ambient: Record<string, string>) =>
    resolveEnvironments({ services: [mail], overrides: [], ambient });
  expect(() => resolve({})).toThrow(
    'knative/tasks/mail.yaml: env SMTP_PASSWORD: key password of Secret smtp has no value on this machine; set SMTP_PASSWORD in the environment of npm start',
  );
  expect(resolve({ SMTP_PASSWORD: 'x' }).get('mail')).toEqual({ SMTP_PASSWORD: 'x' });
});

test('the values of a variable are listed once', () => {
  expect(valuesOf('SPREADSHEET_ID', [form, flush])).toEqual(['formbus']);
});
