import { Readable } from 'node:stream';
import { createTransport } from 'nodemailer';
import type { SendMailOptions } from 'nodemailer/lib/mailer';
import * as v from 'valibot';
import { reasonOf, type Log } from '../../../lib/runtime/log.ts';

/**
 * What became of a mail:
 * `sent`     the SMTP server has it;
 * `again`    it surely does not have it, and may take it, and others, later;
 * `deferred` it surely does not have it, and may take this one later: it is about the recipient or the mail, and not the server;
 * `refused`  it does not want it, and won't later (5xx);
 * `unknown`  all of it was given, and no answer came: it may have it.
 */
type Outcome = { kind: 'sent' } | { kind: 'again' | 'deferred' | 'refused' | 'unknown'; reason: string };

export interface Smtp {
  /**
   * Never rejects.
   * @param give is called when the server is ready for the mail's content, and before the first byte of it; when it rejects,
   *   nothing is given
   */
  send(mail: SendMailOptions, give: () => Promise<void>): Promise<Outcome>;
  /** Lets what is being sent be sent. */
  close(): void;
}

export interface SmtpOptions {
  /** `smtp://` or `smtps://` with host and port. */
  url: URL;
  user: string | undefined;
  password: string | undefined;
  /** Refuse to send over a connection that is not encrypted. */
  requireTls: boolean;
  log: Log;
  /** All that one mail may take, the wait for a free connection included; and a server that is not reached or does not answer. Milliseconds. */
  totalMs?: number;
  connectMs?: number;
  silenceMs?: number;
}

/** Connections at once. A mail that finds none free waits for one. */
const maxConnections = 5;

/** Well below what servers allow: a connection that they close is noticed only by the mail that wants to use it. */
const idleMs = 30_000;

/** Opens a pool of connections to the SMTP server; the first mail makes the first. */
export function openSmtp({
  url,
  user = decodeURIComponent(url.username) || undefined,
  password = decodeURIComponent(url.password) || undefined,
  requireTls,
  log,
  totalMs = 40_000,
  connectMs = 10_000,
  silenceMs = 30_000,
}: SmtpOptions): Smtp {
  const secure = url.protocol === 'smtps:';
  const transport = createTransport({
    pool: true,
    maxConnections,
    idleTimeout: idleMs,
    // The Broker tries again; nobody else does.
    maxRequeues: 0,
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(url.port || (secure ? 465 : 587)),
    secure,
    requireTLS: requireTls && !secure,
    ...(user === undefined ? {} : { auth: { user, pass: password ?? '' } }),
    connectionTimeout: connectMs,
    greetingTimeout: connectMs,
    dnsTimeout: connectMs,
    socketTimeout: silenceMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  transport.on('error', (error: Error) => log.warn({ reason: codesOf(error) }, 'SMTP'));
  /** What a message's content is read through. The pool asks for it, and begins to read, when the server has said that it wants it. */
  const contents = new WeakMap<AbortSignal, (content: () => Readable) => Readable>();
  transport.use('stream', ({ message, data: { signal } }, done) => {
    const through = signal && contents.get(signal);
    const content = message.createReadStream.bind(message);
    if (through) message.createReadStream = () => through(content);
    done();
  });

  return {
    async send(mail, give) {
      const signal = AbortSignal.timeout(totalMs);
      let isComplete = false;
      let withheld: unknown;
      contents.set(signal, (content) =>
        Readable.from(
          (async function* () {
            await give().catch((error: unknown) => {
              withheld = error;
              throw error;
            });
            yield* content();
            // What follows is the dot that ends it, and with it the server may take it.
            isComplete = true;
          })(),
          { objectMode: false },
        ),
      );
      try {
        await transport.sendMail({ ...mail, signal });
        return { kind: 'sent' };
      } catch (error) {
        if (withheld) return { kind: 'again', reason: reasonOf(withheld) };
        return outcomeOf(error, isComplete);
      }
    },
    close: () => transport.close(),
  };
}

/** An answer to the envelope or to the content is a refusal, and sure; all else is a failure on the way. */
function outcomeOf(error: unknown, isComplete: boolean): Outcome {
  const reason = codesOf(error);
  const { code, responseCode = 0, permanent = false } = v.parse(Failure, error);
  const isRefusal = (code === 'EENVELOPE' || code === 'EMESSAGE') && responseCode >= 400;
  if (isRefusal && permanent) return { kind: 'refused', reason };
  if (isRefusal && isOfThisMail(reason)) return { kind: 'deferred', reason };
  if (isRefusal) return { kind: 'again', reason };
  return { kind: isComplete ? 'unknown' : 'again', reason };
}

/**
 * Whether a 4xx is about this mail alone. One to the recipient is, whatever it says; at the content X.3 is about the server, which is
 * full or going down (RFC 3463), and 421 always is.
 */
function isOfThisMail(reason: string): boolean {
  return /: (?:RCPT TO was answered 4(?!21)|DATA was answered 4(?!21)(?!\d\d 4\.3\.))/.test(reason);
}

const Failure = v.object({
  code: v.optional(v.string()),
  command: v.optional(v.string()),
  response: v.optional(v.string()),
  responseCode: v.optional(v.number()),
  permanent: v.optional(v.boolean()),
  originalCode: v.optional(v.string()),
  timeoutType: v.optional(v.string()),
});

/** What happened, in codes: servers repeat the recipient's address in what they say, and that is nobody's business. */
function codesOf(error: unknown): string {
  const { code, command, response = '', responseCode, originalCode, timeoutType } = v.parse(Failure, error);
  if (responseCode === undefined)
    return `SMTP: ${[code, originalCode ?? timeoutType, command].filter(Boolean).join(' ') || 'failed'}`;
  const enhanced = /^\d{3}[ -](\d\.\d{1,3}\.\d{1,3})\b/.exec(response)?.[1];
  return `SMTP: ${command} was answered ${[responseCode, enhanced].filter(Boolean).join(' ')}`;
}
