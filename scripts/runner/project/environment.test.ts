import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { describeOverrides, resolveEnvironments, valuesOf, type Override } from './environment.ts';
import { findKafka } from '../kafka/given.ts';
import { databaseOf, findGoogle, findRedis, findSmtp } from './given.ts';
import { localOverrides } from './overrides.ts';
import { service } from '../serving/testing.ts';

const form = service({
  name: 'demo-form',
  file: 'knative/forms/demo-form.yaml',
  env: [
    { name: 'KAFKA_BROKERS', value: 'kafka:9092' },
    { name: 'KAFKA_TOPIC', value: 'form-submissions' },
    { name: 'SPREADSHEET_ID', value: 'formbus' },
    { name: 'METRICS_URL', value: 'http://metrics.formbus.svc.cluster.local' },
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
  smtp: 'smtp://127.0.0.1:4',
  metrics: 'http://127.0.0.1:5/metrics/',
  secrets: { values: { IDEMPOTENCY_SECRET: 'random' }, file: '.formbus/secrets.json' },
};

function resolve(overrides: Override[], ambient = {}) {
  return Object.fromEntries(resolveEnvironments({ services: [form, flush], overrides, ambient }));
}

test('on one machine, events go to the Broker, rows to its Redis, sheets to the emulator and figures to metrics', () => {
  expect(resolve(localOverrides(machine))).toEqual({
    'demo-form': {
      K_SINK: machine.broker,
      SPREADSHEET_ID: 'formbus',
      METRICS_URL: machine.metrics,
      IDEMPOTENCY_SECRET: 'random',
    },
    'sheets-flush': {
      REDIS_URL: machine.redis,
      REDIS_REPLICAS: '0',
      SHEETS_URL: machine.sheets,
      SPREADSHEET_ID: 'formbus',
    },
  });
});

test('with a Kafka, forms send to that Kafka and not to the Broker', () => {
  const kafka = { brokers: '127.0.0.1:9' };
  const overrides = localOverrides({ ...machine, kafka });
  const { KAFKA_BROKERS, K_SINK } = resolve(overrides)['demo-form'] ?? {};
  expect({ KAFKA_BROKERS, K_SINK }).toEqual({ KAFKA_BROKERS: '127.0.0.1:9', K_SINK: undefined });
  expect(describeOverrides(overrides, [form, flush])).toMatch(
    /KAFKA_BROKERS=127\.0\.0\.1:9 +a Kafka of this/,
  );
});

test('a Kafka that is given may ask for TLS and a password, which is not shown', () => {
  const ca = join(import.meta.dirname, 'environment.ts');
  const kafka = findKafka({
    KAFKA_BROKERS: 'kafka:9093',
    KAFKA_TLS: 'true',
    KAFKA_CA_FILE: relative(process.cwd(), ca),
    KAFKA_USERNAME: 'me',
    KAFKA_PASSWORD: 'nobody knows',
  });
  expect(kafka?.settings).toEqual({
    ssl: { ca: [readFileSync(ca, 'utf8')] },
    sasl: { mechanism: 'scram-sha-512', username: 'me', password: 'nobody knows' },
  });
  const overrides = localOverrides({ ...machine, kafka });
  expect(resolve(overrides)['demo-form']).toMatchObject({
    KAFKA_BROKERS: 'kafka:9093',
    KAFKA_TLS: 'true',
    KAFKA_CA_FILE: ca,
    KAFKA_USERNAME: 'me',
    KAFKA_PASSWORD: 'nobody knows',
  });
  expect(describeOverrides(overrides, [form])).not.toContain('nobody');
});

test.each([
  ['KAFKA_SASL_MECHANISM is wrong', { KAFKA_SASL_MECHANISM: 'md5' }],
  ['KAFKA_TLS is wrong', { KAFKA_TLS: 'yes' }],
  ['KAFKA_USERNAME and KAFKA_PASSWORD go together', { KAFKA_USERNAME: 'me' }],
  ['KAFKA_CA_FILE: /nothing.pem cannot be read', { KAFKA_TLS: 'true', KAFKA_CA_FILE: '/nothing.pem' }],
])('a Kafka that is given in a wrong way stops the start: %s', (message, env) => {
  expect(() => findKafka({ KAFKA_BROKERS: 'kafka:9093', ...env })).toThrow(message);
});

test('the archive is in a PostgreSQL of the data folder, or in the database that the environment names; its password is not shown', () => {
  const archive = service({
    name: 'archive',
    env: [{ name: 'DATABASE_URL', secret: 'formbus', key: 'database-url', optional: false }],
  });
  for (const [own, given, reason] of [
    ['postgres://me:pass@127.0.0.1:4/a', undefined, 'a PostgreSQL of this data folder'],
    [undefined, 'postgres://me:pass@127.0.0.1:4/a', 'from the environment of npm start'],
  ] as const) {
    const overrides = localOverrides({ ...machine, database: databaseOf({ own, given }) });
    const environments = resolveEnvironments({ services: [archive], overrides, ambient: {} });
    expect(environments.get('archive')).toEqual({ DATABASE_URL: 'postgres://me:pass@127.0.0.1:4/a' });
    expect(describeOverrides(overrides, [archive])).toContain(
      `DATABASE_URL=postgres://me:…@127.0.0.1:4/a  ${reason}`,
    );
  }
});

test('rows are buffered in the Redis that is given, with its password and as many replicas as it says or the manifests', () => {
  const buffer = service({
    name: 'sheets-buffer',
    env: [
      { name: 'REDIS_URL', value: 'redis://redis:6379' },
      { name: 'REDIS_REPLICAS', value: '1' },
      { name: 'REDIS_PASSWORD', secret: 'formbus', key: 'redis-password', optional: true },
    ],
  });
  const envOf = (ambient: Record<string, string>) => {
    const overrides = localOverrides({ ...machine, redis: findRedis(ambient) ?? machine.redis });
    return {
      env: resolveEnvironments({ services: [buffer], overrides, ambient }).get('sheets-buffer'),
      text: describeOverrides(overrides, [buffer]),
    };
  };
  const given = { REDIS_URL: 'redis-sentinel://a,b#formbus', REDIS_PASSWORD: 'secret' };
  expect(envOf(given).env).toEqual({ ...given, REDIS_REPLICAS: '1' });
  expect(envOf({ ...given, REDIS_REPLICAS: '2' }).env).toEqual({ ...given, REDIS_REPLICAS: '2' });
  const { text } = envOf({ ...given, REDIS_URL: 'redis://:secret@host:1' });
  expect(text).toContain('REDIS_URL=redis://:…@host:1  from the environment of npm start');
  expect(text).not.toContain('secret');
  expect(envOf({ REDIS_PASSWORD: 'secret' }).env).toEqual({ REDIS_URL: machine.redis, REDIS_REPLICAS: '0' });
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

test('mails go to the server here, without login and encryption, or to the server that the environment names', () => {
  const mail = service({
    name: 'send-confirmation',
    env: [
      { name: 'SMTP_URL', value: 'smtp://smtp.example.org:587' },
      { name: 'SMTP_TLS', value: 'required' },
      { name: 'MAIL_FROM', value: 'Formbus <forms@example.org>' },
      { name: 'SMTP_USER', secret: 'formbus', key: 'smtp-user', optional: true },
    ],
  });
  const ambient = { SMTP_URL: 'smtps://mail.test', MAIL_FROM: 'me@mail.test', SMTP_USER: 'me' };
  const envOf = (overrides: Override[]) =>
    resolveEnvironments({ services: [mail], overrides, ambient }).get('send-confirmation');
  const from = { MAIL_FROM: 'Formbus <forms@example.org>' };
  expect(envOf(localOverrides(machine))).toEqual({ SMTP_URL: machine.smtp, SMTP_TLS: 'optional', ...from });
  const smtp = findSmtp(ambient);
  if (!smtp) throw new Error('not found');
  expect(envOf(localOverrides({ ...machine, smtp }))).toEqual({ ...ambient, SMTP_TLS: 'required' });
  expect(findSmtp({ SMTP_USER: 'me', SMTP_URL: '' })).toBeUndefined();
});

test('what is set in place of the manifests is described with its reason, secrets without their value', () => {
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
