import type { Override } from './environment.ts';
import type { GivenKafka } from '../kafka/given.ts';
import type { Database, GivenRedis, GivenSmtp, Google } from './given.ts';

/** What one machine has in place of a cluster. `sheets` is the emulator's URL, or the real Google; `redis` and `smtp` likewise. */
export function localOverrides({
  broker,
  deadLetters,
  kafka,
  redis,
  database,
  sheets,
  smtp,
  metrics,
  secrets,
}: {
  broker: string;
  /** Where tasks send their dead letters; undefined without a KafkaSink. */
  deadLetters?: string | undefined;
  /** Without one, forms send to the Broker. */
  kafka?: { brokers: string; credentials?: GivenKafka['credentials'] } | undefined;
  redis: string | GivenRedis;
  database?: Database | undefined;
  sheets: string | Google;
  smtp: string | GivenSmtp;
  /** The address of the function metrics. */
  metrics: string;
  /** By variable, and the file that they are kept in. */
  secrets: { values: Record<string, string>; file: string };
}): Override[] {
  return [
    ...(kafka ? throughKafka(kafka, broker) : withoutKafka(broker)),
    ...(typeof redis === 'string' ? ownRedis(redis) : givenRedis(redis)),
    ...Object.entries(secrets.values).map(([variable, value]): Override => ({
      variable,
      value,
      shown: '…',
      where: [variable],
      reason: `kept in ${secrets.file}`,
    })),
    ...(database ? archived(database) : []),
    ...(typeof sheets === 'string' ? emulatedSheets(sheets) : realSheets(sheets)),
    ...(typeof smtp === 'string' ? keptMails(smtp) : sentMails(smtp)),
    ...(deadLetters === undefined ? [] : ownDeadLetters(deadLetters)),
    { variable: 'METRICS_URL', value: metrics, where: ['METRICS_URL'], reason: 'the function metrics here' },
  ];
}

function ownDeadLetters(url: string): Override[] {
  const variable = 'DEAD_LETTER_SINK';
  return [{ variable, value: url, where: [variable], reason: 'the dead letters here' }];
}

function withoutKafka(broker: string): Override[] {
  const reason = 'there is no Kafka here (start with --kafka for one)';
  return [
    {
      variable: 'K_SINK',
      value: broker,
      where: ['KAFKA_BROKERS', 'K_SINK'],
      reason: 'events go to the Broker here',
    },
    { variable: 'KAFKA_BROKERS', value: undefined, reason },
    { variable: 'KAFKA_TOPIC', value: undefined, reason },
    ...withoutCredentials(reason),
  ];
}

function throughKafka(
  { brokers, credentials }: { brokers: string; credentials?: GivenKafka['credentials'] },
  broker: string,
): Override[] {
  const reason = credentials ? 'from the environment of npm start' : 'a Kafka of this data folder';
  return [
    { variable: 'KAFKA_BROKERS', value: brokers, where: ['KAFKA_BROKERS'], reason },
    { variable: 'K_SINK', value: broker, where: ['K_SINK'], reason: 'the Broker here' },
    ...withoutCredentials('this Kafka is spoken to without TLS and a password').map((override): Override => {
      const { variable } = override;
      const value = credentials?.[variable];
      if (value === undefined) return override;
      const shown = variable === 'KAFKA_PASSWORD' ? { shown: '…' } : {};
      return { variable, value, ...shown, where: ['KAFKA_BROKERS'], reason };
    }),
  ];
}

function ownRedis(url: string): Override[] {
  return [
    { variable: 'REDIS_URL', value: url, where: ['REDIS_URL'], reason: 'a Redis of this data folder' },
    {
      variable: 'REDIS_REPLICAS',
      value: '0',
      where: ['REDIS_REPLICAS'],
      reason: 'that Redis has no replicas',
    },
    { variable: 'REDIS_PASSWORD', value: undefined, reason: 'that Redis asks for none' },
  ];
}

function givenRedis({ given }: GivenRedis): Override[] {
  const reason = 'from the environment of npm start';
  return Object.entries(given).map(([variable, value]) => ({
    variable,
    value,
    shown: withoutPassword(value),
    where: [variable],
    reason,
  }));
}

function archived({ url, reason }: Database): Override[] {
  const shown = withoutPassword(url);
  return [{ variable: 'DATABASE_URL', value: url, shown, where: ['DATABASE_URL'], reason }];
}

/** Masks the password. */
export function withoutPassword(url: string): string {
  return url.replace(/(?<=\/\/[^/@]*:)[^/]*(?=@)/, '…');
}

function withoutCredentials(reason: string): Override[] {
  const variables = [
    'KAFKA_TLS',
    'KAFKA_CA_FILE',
    'KAFKA_USERNAME',
    'KAFKA_PASSWORD',
    'KAFKA_SASL_MECHANISM',
  ];
  return variables.map((variable) => ({ variable, value: undefined, reason }));
}

function emulatedSheets(url: string): Override[] {
  const reason =
    'Google Sheets is emulated here (set GOOGLE_APPLICATION_CREDENTIALS and SPREADSHEET_ID for the real one)';
  return [
    { variable: 'SHEETS_URL', value: url, where: ['GOOGLE_APPLICATION_CREDENTIALS', 'SHEETS_URL'], reason },
    { variable: 'GOOGLE_APPLICATION_CREDENTIALS', value: undefined, reason: 'the emulator asks for none' },
  ];
}

function realSheets({ credentials, spreadsheet }: Google): Override[] {
  const reason = 'from the environment of npm start: rows go to the real Google Sheets';
  return [
    { variable: 'SHEETS_URL', value: undefined, reason },
    {
      variable: 'GOOGLE_APPLICATION_CREDENTIALS',
      value: credentials,
      where: ['GOOGLE_APPLICATION_CREDENTIALS'],
      reason,
    },
    { variable: 'SPREADSHEET_ID', value: spreadsheet, where: ['SPREADSHEET_ID'], reason },
  ];
}

function keptMails(url: string): Override[] {
  const where = ['SMTP_URL'];
  const reason = 'mails are kept here and not sent (set SMTP_URL for a real server)';
  const unneeded = 'the SMTP server here asks for none';
  return [
    { variable: 'SMTP_URL', value: url, where, reason },
    { variable: 'SMTP_TLS', value: 'optional', where: ['SMTP_TLS'], reason: 'it is on this machine' },
    { variable: 'SMTP_USER', value: undefined, reason: unneeded },
    { variable: 'SMTP_PASSWORD', value: undefined, reason: unneeded },
  ];
}

function sentMails({ given }: GivenSmtp): Override[] {
  const reason = 'from the environment of npm start: mails are really sent';
  return Object.entries(given).map(([variable, value]) => ({ variable, value, where: [variable], reason }));
}
