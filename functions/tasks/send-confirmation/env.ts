import * as v from 'valibot';
import { decodable, integer } from '../../lib/runtime/env.ts';
import { redisEnv } from '../../lib/stores/redis.ts';
import { seenDaysEnv } from '../../lib/stores/seen-days.ts';
import { mailbox } from './mail/mailbox.ts';

/** The environment of the task. */
export const confirmationEnv = {
  ...redisEnv,
  ...seenDaysEnv,
  SMTP_URL: v.pipe(
    v.string(),
    v.regex(/^smtps?:\/\/[^/?#]+\/?$/, 'not smtp://host:port or smtps://host:port'),
    v.check((text) => URL.canParse(text), 'not an address'),
    decodable(),
    v.transform((text) => new URL(text)),
    v.description(
      'the address of the SMTP server, e.g. smtp://mail.example.org:587 or smtps://mail.example.org:465',
    ),
  ),
  SMTP_USER: v.pipe(v.optional(v.string()), v.description('the name to log in with at the SMTP server')),
  SMTP_PASSWORD: v.pipe(v.optional(v.string()), v.description('the password to log in with')),
  SMTP_TLS: v.pipe(
    v.optional(v.picklist(['required', 'optional'], 'neither required nor optional'), 'required'),
    v.description(
      'required, or optional where mails may go to the SMTP server unencrypted (default required)',
    ),
  ),
  MAIL_FROM: v.pipe(mailbox, v.description('the sender of mails, e.g. Formbus <forms@example.org>')),
  MAIL_REPLY_TO: v.pipe(
    v.optional(mailbox),
    v.description('the address for replies, e.g. office@example.org'),
  ),
  MAILS_PER_DAY: integer('mails to one recipient a day', { min: 1, max: 1_000, fallback: 10 }),
  MAILS_PER_DOMAIN: integer("mails to one domain's recipients a day", {
    min: 1,
    max: 10_000_000,
    fallback: 5_000,
  }),
  MAILS_PER_FORM: integer('mails for one form a day', { min: 1, max: 10_000_000, fallback: 50_000 }),
  MAIL_RETRY_HOURS: integer('how many hours to retry a recipient who cannot be mailed now', {
    min: 1,
    max: 240,
    fallback: 48,
  }),
  MAIL_SECRET: v.pipe(
    v.string(),
    v.minLength(16, 'shorter than 16 characters'),
    v.description(
      'a random text of 16 characters or more, with which the addresses of recipients are hashed to count them',
    ),
  ),
};
