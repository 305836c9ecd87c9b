import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import PostalMime, { type Email } from 'postal-mime';
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server';
import * as v from 'valibot';
import { openFaults, type Faults } from './faults.ts';
import { handleMails } from './pages.ts';
import { openMailStore } from './store.ts';

export interface MailsOptions {
  /** The folder that the mails are kept in; made if it is not there. */
  dir: string;
  /** Called with the server's own faults; the client is answered 451. */
  report?: (error: unknown) => void;
}

export interface MailsServer {
  /** `smtp://…`, without encryption and login. */
  url: string;
  /**
   * Serves the mails, to people and to programs. `path` is what follows their root in the request's URL.
   * @returns whether it answers; false, with nothing done, for methods other than GET and HEAD (but for `/faults`)
   */
  handle(req: IncomingMessage, res: ServerResponse, path: string): boolean;
  /** What the next clients meet; also at `/faults` below the pages' root. */
  faults: Faults;
  close(): Promise<void>;
}

/** A real SMTP server on this machine that takes all mails and sends none on. One that it answered 250 is on disk. */
export async function startMails({
  dir,
  report = (error) => console.error(error),
}: MailsOptions): Promise<MailsServer> {
  const store = openMailStore(dir);
  const faults = openFaults({ goAway });
  let isAway = false;

  async function take(stream: SMTPServerDataStream, { envelope }: SMTPServerSession): Promise<Verdict> {
    const raw = await buffer(stream);
    const fault = faults.take('mail');
    if (fault?.kind === 'refuse') return { code: fault.code };
    if (fault?.kind === 'drop-before') return 'drop';
    const { subject = '', messageId = '' } = await headOf(raw);
    const from = envelope.mailFrom === false ? '' : envelope.mailFrom.address;
    const to = envelope.rcptTo.map(({ address }) => address);
    await store.add({ at: new Date().toISOString(), from, to, subject, messageId }, raw);
    if (fault?.kind === 'drop-after') return 'drop';
    if (fault?.kind === 'delay') await sleep(fault.ms, undefined, { ref: false });
    return 'taken';
  }

  const server = new SMTPServer({
    banner: 'Formbus keeps mails here and sends none on',
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    closeTimeout: 1,
    onConnect: (_, reply) => reply(refusalAt('connect')),
    onMailFrom: (_, __, reply) => reply(refusalAt('sender')),
    onRcptTo: (_, __, reply) => reply(refusalAt('recipient')),
    onData(stream, session, reply) {
      take(stream, session).then(
        (verdict) => {
          if (verdict === 'taken') reply(null, 'kept');
          else if (verdict === 'drop') breakOff(server, ({ id }) => id === session.id);
          else reply(refusal(verdict.code));
        },
        (error: unknown) => {
          // A client that went away in the middle is none of our business.
          if (stream.readableEnded) report(error);
          reply(refusal(451, 'the mail could not be kept'));
        },
      );
    },
  });
  // Connections that break.
  server.on('error', () => {});
  server.server.on('connection', (socket) => {
    if (isAway) socket.destroy();
  });

  function refusalAt(place: 'connect' | 'sender' | 'recipient'): Error | null {
    const fault = faults.take(place);
    return fault?.kind === 'refuse' ? refusal(fault.code) : null;
  }

  /** As if no server were there. The port is kept: another process would take it. */
  async function goAway(ms: number, signal: AbortSignal): Promise<void> {
    isAway = true;
    breakOff(server, () => true);
    await sleep(ms, undefined, { ref: false, signal }).catch(() => {});
    isAway = false;
  }

  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  const { port } = v.parse(v.object({ port: v.number() }), server.server.address());

  return {
    url: `smtp://127.0.0.1:${port}`,
    handle: (req, res, path) => handleMails({ store, faults, report }, req, res, path),
    faults,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      breakOff(server, () => true);
      await closed;
      store.close();
    },
  };
}

/** Of a mail that can't be read there is nothing to show in a list. */
async function headOf(raw: Buffer): Promise<Pick<Email, 'subject' | 'messageId'>> {
  const end = raw.indexOf('\r\n\r\n');
  return PostalMime.parse(end < 0 ? raw : raw.subarray(0, end + 4)).catch(() => ({}));
}

type Verdict = 'taken' | 'drop' | { code: number };

function refusal(code: number, text = 'a fault that was asked for'): Error {
  return Object.assign(new Error(text), { responseCode: code });
}

/** Closes connections with no word about what came over them. */
function breakOff({ connections }: SMTPServer, which: (connection: { id: string }) => boolean): void {
  for (const connection of connections) if (which(connection)) connection.close();
}
