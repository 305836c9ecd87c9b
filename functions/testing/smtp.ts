import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import * as v from 'valibot';

/** What a client may be doing when the server misbehaves; `content` is the end of the mail, with its final dot. */
export type Stage = 'connect' | 'EHLO' | 'AUTH' | 'MAIL' | 'RCPT' | 'DATA' | 'content';

/** An answer in place of the usual one. `drop`: the connection is broken. `silence`: the server says nothing any more. */
type Misbehaviour = string;

export interface TestSmtp {
  url: URL;
  /** Mails that it took, whether or not it acknowledged them. */
  mails: string[];
  /** What clients sent, except mails. */
  commands: string[];
  /** Set by a test. */
  at: Partial<Record<Stage, Misbehaviour>>;
  /** Set by a test: what these recipients are answered, by a part of their addresses. */
  recipients: Record<string, Misbehaviour>;
  /** Called when a mail is there in full and not answered yet. */
  onMail: (mail: string) => Promise<void> | void;
  connections(): number;
  /** Sends a line to all clients, after a silence; after `354` the server expects a mail. */
  say(answer: string): void;
  close(): Promise<void>;
}

/** An SMTP server of a few lines, which does at each stage what a test wants. */
export async function startTestSmtp({ pipelining = false } = {}): Promise<TestSmtp> {
  const sockets = new Map<Socket, (answer: string) => void>();
  const usual: Record<Stage, string> = {
    connect: '220 test',
    EHLO: ['250-test', '250-AUTH PLAIN', pipelining ? '250 PIPELINING' : '250 8BITMIME'].join('\r\n'),
    AUTH: '235 welcome',
    MAIL: '250 sender',
    RCPT: '250 recipient',
    DATA: '354 go on',
    content: '250 taken',
  };
  const server = createServer((socket) => {
    sockets.set(socket, (answer) => {
      inContent = answer.startsWith('3');
      socket.write(`${answer}\r\n`);
    });
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    const answer = (stage: Stage, command = '') => {
      const recipient = Object.keys(smtp.recipients).find(
        (part) => stage === 'RCPT' && command.includes(part),
      );
      const said = smtp.recipients[recipient ?? ''] ?? smtp.at[stage] ?? usual[stage];
      if (said === 'drop') socket.destroy();
      else if (said !== 'silence') socket.write(`${said}\r\n`);
      return said;
    };
    let rest = '';
    let inContent = false;
    let isWanted = true;
    const read = async () => {
      for (;;) {
        const end = rest.indexOf(inContent ? '\r\n.\r\n' : '\r\n');
        if (end < 0) return;
        const text = rest.slice(0, end);
        rest = rest.slice(end + (inContent ? 5 : 2));
        if (inContent) {
          inContent = false;
          // A refused mail is not kept.
          if (!/^[45]/.test(smtp.at.content ?? '')) smtp.mails.push(text);
          await smtp.onMail(text);
          answer('content');
          continue;
        }
        smtp.commands.push(text);
        const command = /^\w+/.exec(text)?.[0] ?? '';
        const stage = v.safeParse(v.picklist(['EHLO', 'AUTH', 'MAIL', 'RCPT', 'DATA']), command);
        if (!stage.success) socket.write(command === 'STARTTLS' ? '502 no\r\n' : '250 fine\r\n');
        // A client that does not wait for answers sends DATA although its sender or recipient was refused.
        else if (stage.output === 'DATA' && !isWanted) socket.write('554 for nobody\r\n');
        else {
          const said = answer(stage.output, text);
          if (stage.output === 'MAIL') isWanted = true;
          isWanted &&= !/^[45]/.test(said);
          inContent = said.startsWith('3');
        }
      }
    };
    let reading = Promise.resolve();
    socket.on('data', (chunk: Buffer) => {
      rest += chunk.toString('latin1');
      reading = reading.then(read);
    });
    answer('connect');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = v.parse(v.object({ port: v.number() }), server.address());
  const smtp: TestSmtp = {
    url: new URL(`smtp://127.0.0.1:${port}`),
    mails: [],
    commands: [],
    at: {},
    recipients: {},
    onMail: () => {},
    connections: () => sockets.size,
    say(answer) {
      for (const say of sockets.values()) say(answer);
    },
    async close() {
      for (const socket of sockets.keys()) socket.destroy();
      if (!server.listening) return;
      server.close();
      await once(server, 'close');
    },
  };
  return smtp;
}
