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
import { reasonOf, type Log } from '../../lib/runtime/log.ts';
import { counter } from '../../lib/metrics/metrics.ts';
import { commandTimeoutMs, openRedis } from '../../lib/stores/redis.ts';
import { openClaims } from './claims/claims.ts';
import { openFormWords } from './mail/form-words.ts';
import { confirmationMail } from './mail/message.ts';
import { domainOf, recipientKeys, recipientOf } from './mail/recipient.ts';
import { confirmationEnv } from './env.ts';
import { openSmtp, smtpTimeouts } from './smtp/smtp.ts';

/** The longest that the task works on one event: two steps in Redis and the mail between them. Below the Trigger's timeout. */
export const longestMs = smtpTimeouts.totalMs + 2 * commandTimeoutMs;

/** How long a claim keeps other deliveries of an event away, in milliseconds: before the mail is given to the server, and after. */
const takenMs = 10_000;
const givenMs = 60_000;

const [minuteMs, hourMs, dayMs] = [60_000, 3_600_000, 86_400_000];

/** The Trigger delivers no suspected submission; if one comes anyway, it is refused. */
const Confirmable = v.looseObject({ ...Submission.entries, type: v.literal('form.submitted') });
const Taken = v.variant('type', [Confirmable, Forgotten]);

/** Mails a confirmation once to the person who submitted, if the form has a field for the address. */
export const sendConfirmation = task('send-confirmation', Taken, {
  env: confirmationEnv,
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
    });
    return {
      async handle({ event }) {
        if (isForgotten(event)) return claims.forget(event.data.id);
        const { id, form } = event;
        const to = recipientOf(event);
        if (to === undefined) return log.info({ id, form }, 'no address to mail to');
        if (Date.now() - Date.parse(event.time) > env.SEEN_DAYS * dayMs)
          throw new Refused('The submission is older than SEEN_DAYS: whether it was confirmed is unknown.');
        const { MAIL_FROM: from, MAIL_REPLY_TO: replyTo } = env;
        const words = await wordsOf(form);
        const mail = confirmationMail({ event, words, to, from, replyTo, now: new Date() });

        const counted = { ...recipientKeys(to, env.MAIL_SECRET), form };
        const claim = await claims.take(id, { ...counted, redrive: redriveOf(event) });
        if (claim.kind === 'sent') {
          counter('formbus_duplicates_total').add();
          return log.info({ id, form }, 'mailed already');
        }
        if (claim.kind === 'forgotten')
          return log.info({ id, form }, 'not mailed: the submission is forgotten');
        if (claim.kind === 'over') {
          counter('formbus_mails_total', claim.cap).add();
          return log.warn({ id, form }, `not mailed: ${tooMany[claim.cap]}`);
        }
        if (claim.kind === 'busy')
          throw new Unavailable(
            'Another delivery of this event is sending the mail, or ended without an answer; it is settled within a minute.',
          );
        if (claim.kind === 'unknown')
          throw new Refused(
            'Whether the mail went out is unknown: the SMTP server did not answer. Redrive the event to send the mail once more.',
          );

        const { holder } = claim;
        const outcome = await smtp.send(mail, async () => {
          if (!(await claims.give(id, holder))) throw new Error('another delivery holds the claim');
        });
        counter('formbus_mails_total', outcome.kind).add();
        if (outcome.kind === 'sent') {
          // The mail is out, whether or not Redis can note it.
          await orWarn(claims.sent(id), { id, what: 'the mail is sent, but could not be noted', log });
          return log.info({ id, form }, 'mailed');
        }
        const { kind, reason } = outcome;
        if (kind === 'unknown') throw new Unavailable(`Whether the mail went out is unknown. ${reason}`);
        await orWarn(claims.free(id, holder, counted), {
          id,
          what: 'the claim could not be released',
          log,
        });
        if (kind === 'refused') throw new Refused(`The SMTP server refused the mail. ${reason}`);
        if (kind === 'deferred')
          throw new TryLater(`The recipient cannot be mailed now. ${reason}`, { destination: domainOf(to) });
        throw new Unavailable(`The mail is not sent yet. ${reason}`);
      },
      async close() {
        smtp.close();
        await redis.close();
      },
    };
  },
});

/** What is logged for each cap. */
const tooMany = {
  over: 'the recipient reached the daily cap',
  'over-domain': "the recipient's domain reached the daily cap",
  'over-form': 'the form reached the daily cap',
};

/** Identifies a person's decision to deliver a dead letter again; '' without one. */
function redriveOf({ redriven }: Submission): string {
  return typeof redriven === 'string' ? redriven : '';
}

async function orWarn(step: Promise<void>, { id, what, log }: { id: string; what: string; log: Log }) {
  await step.catch((error: unknown) => log.warn({ id, reason: reasonOf(error) }, what));
}
