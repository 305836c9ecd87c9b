import { Readable } from 'node:stream';
import { createTransport } from 'nodemailer';
import type { SendMailOptions } from 'nodemailer/lib/mailer';
import * as v from 'valibot';
import { reasonOf, type Log } from '../../../lib/runtime/log.ts';

/**
 * The outcome of a mail:
 * `sent`     the SMTP server has it;
 * `again`    the server surely does not have it and may accept mails later;
 * `deferred` the server surely does not have it and may accept it later: the recipient or the mail is the reason, not the server;
 * `refused`  the server refused it permanently (5xx);
 * `unknown`  all of it was sent, but no answer came: the server may have it.
 */
type Outcome = { kind: 'sent' } | { kind: 'again' | 'deferred' | 'refused' | 'unknown'; reason: string };

export interface Smtp {
  /**
   * Never rejects.
   * @param give called when the server is ready for the mail's content, before its first byte; when it rejects, nothing is sent
   */
  send(mail: SendMailOptions, give: () => Promise<void>): Promise<Outcome>;
  /** Mails that are being sent are finished. */
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
  /** For tests. */
  timeouts?: Partial<typeof smtpTimeouts>;
}

/** In milliseconds. */
export const smtpTimeouts = {
  /** One mail, the wait for a free connection included. */
  totalMs: 40_000,
  connectMs: 10_000,
  /** A server that does not answer. */
  silenceMs: 30_000,
};

/** A mail waits for a free connection. */
const maxConnections = 5;

/** Well below the limits of servers: only the next mail would notice that the server has closed its connection. */
const idleMs = 30_000;

/** Opens a pool of connections to the SMTP server; the first mail opens the first connection. */
export function openSmtp({
  url,
  user = decodeURIComponent(url.username) || undefined,
  password = decodeURIComponent(url.password) || undefined,
  requireTls,
  log,
  timeouts,
}: SmtpOptions): Smtp {
  const { totalMs, connectMs, silenceMs } = { ...smtpTimeouts, ...timeouts };
  const secure = url.protocol === 'smtps:';
  const transport = createTransport({
    pool: true,
    maxConnections,
    idleTimeout: idleMs,
    // The Broker retries; nothing else does.
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
  /** Wraps the stream of a message's content. The pool opens it once the server is ready for the content. */
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
            // Next comes the final dot, with which the server may accept the mail.
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

/** An error answer to the envelope or the content is a certain refusal; anything else failed on the way. */
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
 * Whether a 4xx concerns this mail alone. After RCPT it always does, except 421. After the content, 421 and X.3 (RFC 3463) concern the
 * server, which is full or shutting down.
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

/** Describes an error by codes alone, because servers repeat the recipient's address in their answers. */
function codesOf(error: unknown): string {
  const { code, command, response = '', responseCode, originalCode, timeoutType } = v.parse(Failure, error);
  if (responseCode === undefined)
    return `SMTP: ${[code, originalCode ?? timeoutType, command].filter(Boolean).join(' ') || 'failed'}`;
  const enhanced = /^\d{3}[ -](\d\.\d{1,3}\.\d{1,3})\b/.exec(response)?.[1];
  return `SMTP: ${command} was answered ${[responseCode, enhanced].filter(Boolean).join(' ')}`;
}
