import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, createServer as createDoor } from 'node:net';
import { createTransport, type SendMailOptions } from 'nodemailer';
import { onTestFinished } from 'vitest';
import * as v from 'valibot';
import { temporaryFolder } from '../testing.ts';
import { startMails } from './server.ts';

/** The SMTP server of a test, with its pages at `pages` as the gateway has them, and a client of it. */
export async function testMails(dir = temporaryFolder()) {
  const mails = await startMails({ dir });
  const gateway = createServer((req, res) => {
    const path = (req.url ?? '').slice('/_/mails'.length).replace(/\?.*/, '');
    if (!mails.handle(req, res, path)) res.writeHead(405).end();
  });
  gateway.listen(0, '127.0.0.1');
  await once(gateway, 'listening');
  onTestFinished(async () => {
    gateway.closeAllConnections();
    gateway.close();
    await mails.close();
  });
  return {
    mails,
    dir,
    pages: `http://127.0.0.1:${portOf(gateway.address())}/_/mails`,
    send: (mail: SendMailOptions = {}) => sendTo(mails.url, mail),
  };
}

/** Sends a mail, each over a connection of its own; rejects with the client's error. */
export async function sendTo(url: string, mail: SendMailOptions = {}) {
  const transport = createTransport(url);
  const common = { from: 'forms@example.org', to: 'asha@example.org', subject: 'Test', text: 'Hello' };
  return transport.sendMail({ ...common, ...mail });
}

export interface SmtpChild {
  url: string;
  /** Ends it at once, in the midst of whatever it does, and with it the connections. */
  kill(): Promise<void>;
  /** Starts it again on its folder, after a kill. */
  restart(): Promise<void>;
  /** Ends it for good. */
  close(): Promise<void>;
}

/**
 * The SMTP server as a process of its own. Its address is a port of this process, which passes everything on: no other process can take
 * it while the server is dead.
 */
export async function startSmtpChild(dir: string): Promise<SmtpChild> {
  let child = await startChild(dir);
  const door = createDoor((client) => {
    const server = connect(child.port, '127.0.0.1');
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      one.on('error', () => {}).on('close', () => other.destroy());
      one.pipe(other);
    }
  });
  door.listen(0, '127.0.0.1');
  await once(door, 'listening');
  const kill = async () => {
    if (child.process.exitCode !== null || child.process.signalCode !== null) return;
    const exited = once(child.process, 'exit');
    child.process.kill('SIGKILL');
    await exited;
  };
  return {
    url: `smtp://127.0.0.1:${portOf(door.address())}`,
    kill,
    async restart() {
      child = await startChild(dir);
    },
    async close() {
      await kill();
      door.close();
    },
  };
}

async function startChild(dir: string): Promise<{ process: ChildProcess; port: number }> {
  const child = fork(new URL('testing-child.ts', import.meta.url), [dir], { stdio: 'inherit' });
  const ended = once(child, 'exit').then(() => Promise.reject(new Error('the SMTP server did not start')));
  const ready = await Promise.race([once(child, 'message'), ended]);
  ended.catch(() => {});
  const [url] = v.parse(v.tuple([v.string(), v.unknown()]), ready);
  return { process: child, port: Number(new URL(url).port) };
}

function portOf(address: unknown): number {
  return v.parse(v.object({ port: v.number() }), address).port;
}
