import { connect } from 'node:net';
import type { Outcome } from '../../tools/load/drive.ts';

/** A keep-alive connection that carries one request at a time. */
export interface Connection {
  /** @param request a whole HTTP/1.1 request, as bytes on the wire in latin1 */
  exchange(request: string): Promise<Outcome>;
  /** An error, a timeout or the server has ended it. */
  isClosed(): boolean;
  close(): void;
}

/** Longer than a form's own 30 s. */
const timeoutMs = 40_000;

/**
 * Connects to a server of HTTP/1.1 that sends `content-length` with each body. Does what a benchmark needs of a client and no more,
 * because a general one takes more of its core for a request than a bare server does of its own, and would be measured instead.
 */
export function openConnection({ hostname, port }: URL): Connection {
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  let received = '';
  let isClosed = false;
  let resolve: ((outcome: Outcome) => void) | undefined;

  function settle(outcome: Outcome): void {
    received = '';
    const waiting = resolve;
    resolve = undefined;
    waiting?.(outcome);
  }
  function fail(reason: string): void {
    isClosed = true;
    settle({ status: undefined, reason });
    socket.destroy();
  }

  socket.setEncoding('latin1');
  socket.setTimeout(timeoutMs, () => fail('timeout'));
  socket.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
  socket.on('close', () => fail('closed without an answer'));
  socket.on('data', (chunk: string) => {
    received = received === '' ? chunk : received + chunk;
    const answer = parseAnswer(received);
    if (answer === 'incomplete') return;
    if (answer === 'unreadable') return fail('an answer without content-length');
    if (answer.isLast) isClosed = true;
    settle(answer);
    if (answer.isLast) socket.destroy();
  });
  return {
    exchange: (request) =>
      new Promise((settled) => {
        resolve = settled;
        if (isClosed) return fail('closed');
        socket.write(request, 'latin1');
      }),
    isClosed: () => isClosed,
    close() {
      isClosed = true;
      socket.destroy();
    },
  };
}

type Answer = { status: number; body: string; isLast: boolean };

/** An answer as soon as all of it has arrived. */
function parseAnswer(received: string): Answer | 'incomplete' | 'unreadable' {
  const end = received.indexOf('\r\n\r\n');
  if (end === -1) return 'incomplete';
  const head = received.slice(0, end);
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1];
  // A 204 has neither body nor length.
  const length = status === '204' ? 0 : /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  if (status === undefined || length === undefined) return 'unreadable';
  const body = received.slice(end + 4);
  if (body.length < Number(length)) return 'incomplete';
  return { status: Number(status), body, isLast: /\r\nconnection: close/i.test(head) };
}
