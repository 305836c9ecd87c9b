import {
  doubling,
  Forgotten,
  isForgotten,
  laterQueue,
  Refused,
  Submission,
  task,
  TryLater,
  Unavailable,
} from 'formbus';
import * as v from 'valibot';
import { decodable, integer } from '../../lib/runtime/env.ts';
import { reasonOf, type Log } from '../../lib/runtime/log.ts';
import { counter } from '../../lib/metrics/metrics.ts';
import { commandTimeoutMs, openRedis, redisEnv } from '../../lib/stores/redis.ts';
import { seenDaysEnv } from '../../lib/stores/seen-days.ts';
import { openClaims } from './claims/claims.ts';
import { openFormWords } from './mail/form-words.ts';
import { mailbox } from './mail/mailbox.ts';
import { confirmationMail } from './mail/message.ts';
import { domainOf, recipientKeys, recipientOf } from './mail/recipient.ts';
import { openSmtp } from './smtp/smtp.ts';

/** All that the sending of one mail may take, the wait for a connection included, in milliseconds. */
const sendMs = 40_000;

/** The longest that the task works on one event: two steps in Redis and the mail between them. Below the Trigger's time-out. */
export const longestMs = sendMs + 2 * commandTimeoutMs;

/** How long other deliveries of an event are kept away, in milliseconds: while nothing is out yet, and until the answer must have come. */
const takenMs = 10_000;
const givenMs = 60_000;

const [minuteMs, hourMs, dayMs] = [60_000, 3_600_000, 86_400_000];

/** What is left of a submission that was suspected never gets here; it is refused all the same. */
const Confirmable = v.looseObject({ ...Submission.entries, type: v.literal('form.submitted') });
const Taken = v.variant('type', [Confirmable, Forgotten]);

/** Mails the person who submitted that it was received, once, if the form has a field for the address. */
export const sendConfirmation = task('send-confirmation', Taken, {
  env: {
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
    MAIL_FROM: v.pipe(mailbox, v.description('whom mails are from, e.g. Formbus <forms@example.org>')),
    MAIL_REPLY_TO: v.pipe(v.optional(mailbox), v.description('whom answers go to, e.g. office@example.org')),
    MAILS_PER_DAY: integer('mails to one recipient a day', { min: 1, max: 1_000, fallback: 10 }),
    MAILS_PER_DOMAIN: integer("mails to one domain's recipients a day", {
      min: 1,
      max: 10_000_000,
      fallback: 5_000,
    }),
    MAILS_PER_FORM: integer('mails for one form a day', { min: 1, max: 10_000_000, fallback: 50_000 }),
    MAIL_RETRY_HOURS: integer("for how many hours a recipient who can't be mailed now is tried again", {
      min: 1,
      max: 240,
      fallback: 48,
    }),
    MAIL_SECRET: v.pipe(
      v.string(),
      v.minLength(16, 'shorter than 16 characters'),
      v.description(
        'a random text of 16 characters or more: under it recipients are counted, and not by their address',
      ),
    ),
  },
  later: {
    queue: laterQueue,
    options: ({ MAIL_RETRY_HOURS }) => ({
      pauses: doubling({ firstMs: 2 * minuteMs, longestMs: 4 * hourMs, endMs: MAIL_RETRY_HOURS * hourMs }),
    }),
  },
  async start(env, log) {
    const redis = await openRedis(env, log);
    const wordsOf = openFormWords(log);
    const caps = { recipient: env.MAILS_PER_DAY, domain: env.MAILS_PER_DOMAIN, form: env.MAILS_PER_FORM };
    const claims = openClaims({ redis, days: env.SEEN_DAYS, caps, takenMs, givenMs });
    const smtp = openSmtp({
      url: env.SMTP_URL,
      user: env.SMTP_USER,
      password: env.SMTP_PASSWORD,
      requireTls: env.SMTP_TLS === 'required',
      log,
      totalMs: sendMs,
    });
    return {
      async handle({ event }) {
        if (isForgotten(event)) return claims.forget(event.data.id);
        const { id, form } = event;
        const to = recipientOf(event);
        if (to === undefined) return log.info({ id, form }, 'nobody to mail to');
        if (Date.now() - Date.parse(event.time) > env.SEEN_DAYS * dayMs)
          throw new Refused(
            'The submission is so old that nobody knows whether it was confirmed; see SEEN_DAYS.',
          );
        const { MAIL_FROM: from, MAIL_REPLY_TO: replyTo } = env;
        const words = await wordsOf(form);
        const mail = confirmationMail({ event, words, to, from, replyTo, now: new Date() });

        const counted = { ...recipientKeys(to, env.MAIL_SECRET), form };
        const claim = await claims.take(id, { ...counted, redrive: redriveOf(event) });
        if (claim.kind === 'sent') {
          counter('formbus_duplicates_total').add();
          return log.info({ id, form }, 'mailed before');
        }
        if (claim.kind === 'forgotten') return log.info({ id, form }, 'not mailed: it is forgotten');
        if (claim.kind === 'over') {
          counter('formbus_mails_total', claim.cap).add();
          return log.warn({ id, form }, `not mailed: ${tooMany[claim.cap]}`);
        }
        if (claim.kind === 'busy')
          throw new Unavailable(
            'Another delivery of this event is at it, or ended without an answer; which of the two shows within a minute.',
          );
        if (claim.kind === 'unknown')
          throw new Refused(
            'Nobody knows whether the mail went out: no answer came. Redrive it to send it once more.',
          );

        const { holder } = claim;
        const outcome = await smtp.send(mail, async () => {
          if (!(await claims.give(id, holder))) throw new Error('the claim went to another delivery');
        });
        counter('formbus_mails_total', outcome.kind).add();
        if (outcome.kind === 'sent') {
          // That it is out is known here, whether or not it can be noted.
          await orWarn(claims.sent(id), { id, what: 'the mail is sent, which could not be noted', log });
          return log.info({ id, form }, 'mailed');
        }
        const { kind, reason } = outcome;
        if (kind === 'unknown') throw new Unavailable(`Nobody knows whether the mail went out. ${reason}`);
        await orWarn(claims.free(id, holder, counted), {
          id,
          what: 'the claim could not be let go',
          log,
        });
        if (kind === 'refused') throw new Refused(`The SMTP server does not want the mail. ${reason}`);
        if (kind === 'deferred')
          throw new TryLater(`The recipient can't be mailed now. ${reason}`, { destination: domainOf(to) });
        throw new Unavailable(`The mail is not sent yet. ${reason}`);
      },
      async close() {
        smtp.close();
        await redis.close();
      },
    };
  },
});

/** By which cap a mail is one too many. */
const tooMany = {
  over: 'the recipient had enough today',
  'over-domain': "the recipient's domain had enough today",
  'over-form': 'there were enough for this form today',
};

/** Names the decision of a person to deliver a dead letter again; '' when nobody did. */
function redriveOf({ redriven }: Submission): string {
  return typeof redriven === 'string' ? redriven : '';
}

async function orWarn(step: Promise<void>, { id, what, log }: { id: string; what: string; log: Log }) {
  await step.catch((error: unknown) => log.warn({ id, reason: reasonOf(error) }, what));
}
