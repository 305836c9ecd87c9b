import { resolve } from 'node:path';

/** Credentials for the real Google Sheets, when the runner's own environment names both. */
export interface Google {
  credentials: string;
  spreadsheet: string;
}

export function findGoogle(ambient: Record<string, string | undefined>): Google | undefined {
  const { GOOGLE_APPLICATION_CREDENTIALS: credentials, SPREADSHEET_ID: spreadsheet } = ambient;
  return credentials && spreadsheet ? { credentials: resolve(credentials), spreadsheet } : undefined;
}

/** Where the archive is: the database that the runner's environment names, or the runner's own. */
export interface Database {
  url: string;
  reason: string;
}

export function databaseOf({
  own,
  given,
}: {
  own: string | undefined;
  given: string | undefined;
}): Database | undefined {
  if (given) return { url: given, reason: 'from the environment of npm start' };
  return own === undefined ? undefined : { url: own, reason: 'a PostgreSQL of this data folder' };
}

/** A Redis, or its Sentinels, that the runner's own environment names; the password, if any, is looked up like all Secrets. */
export interface GivenRedis {
  given: { REDIS_URL: string; REDIS_REPLICAS?: string };
}

export function findRedis({
  REDIS_URL,
  REDIS_REPLICAS,
}: Record<string, string | undefined>): GivenRedis | undefined {
  return REDIS_URL ? { given: { REDIS_URL, ...(REDIS_REPLICAS ? { REDIS_REPLICAS } : {}) } } : undefined;
}

/** An SMTP server that the runner's own environment names; name and password, if any, are looked up like all Secrets. */
export interface GivenSmtp {
  given: { SMTP_URL: string; SMTP_TLS?: string; MAIL_FROM?: string };
}

export function findSmtp(ambient: Record<string, string | undefined>): GivenSmtp | undefined {
  const { SMTP_URL, SMTP_TLS, MAIL_FROM } = ambient;
  if (!SMTP_URL) return undefined;
  return { given: { SMTP_URL, ...(SMTP_TLS ? { SMTP_TLS } : {}), ...(MAIL_FROM ? { MAIL_FROM } : {}) } };
}
