import { resolve } from 'node:path';
import type { Override } from './environment.ts';

/** Credentials for the real Google Sheets, when the runner's own environment names both. */
export interface Google {
  credentials: string;
  spreadsheet: string;
}

export function findGoogle(ambient: Record<string, string | undefined>): Google | undefined {
  const { GOOGLE_APPLICATION_CREDENTIALS: credentials, SPREADSHEET_ID: spreadsheet } = ambient;
  return credentials && spreadsheet ? { credentials: resolve(credentials), spreadsheet } : undefined;
}

/** What one machine has in place of a cluster. `sheets` is the emulator's URL, or the real Google. */
export function localOverrides({
  broker,
  redis,
  sheets,
  secret,
}: {
  broker: string;
  redis: string;
  sheets: string | Google;
  secret: { value: string; file: string };
}): Override[] {
  return [
    {
      variable: 'K_SINK',
      value: broker,
      where: ['KAFKA_BROKERS', 'K_SINK'],
      reason: 'events go to the Broker here',
    },
    { variable: 'KAFKA_BROKERS', value: undefined, reason: 'there is no Kafka here' },
    { variable: 'KAFKA_TOPIC', value: undefined, reason: 'there is no Kafka here' },
    { variable: 'REDIS_URL', value: redis, where: ['REDIS_URL'], reason: 'a Redis of this data folder' },
    {
      variable: 'REDIS_REPLICAS',
      value: '0',
      where: ['REDIS_REPLICAS'],
      reason: 'that Redis has no replicas',
    },
    {
      variable: 'IDEMPOTENCY_SECRET',
      value: secret.value,
      shown: '…',
      where: ['IDEMPOTENCY_SECRET'],
      reason: `kept in ${secret.file}`,
    },
    ...(typeof sheets === 'string' ? emulatedSheets(sheets) : realSheets(sheets)),
  ];
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
