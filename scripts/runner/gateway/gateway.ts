import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { answerHtml, answerMissing, only, redirect } from './answers.ts';
import { refuseForeign } from '../../emulators/web/hosts.ts';
import { indexPage } from './index-page.ts';
import { listen } from './listen.ts';
import type { GatewayParts } from './parts.ts';
import { answerProblem } from '../../emulators/web/problem.ts';
import { runnerPages } from './runner-pages.ts';

/** nginx's default, which the edge of a cluster has. Node's 5 s close a connection that a busy client is about to use. */
const KEEP_ALIVE_MS = 75_000;

export interface Gateway {
  url: string;
  /** From now on requests are served; before, everything is answered 503. */
  open(parts: GatewayParts): void;
  /** Takes no new connections; requests in flight have `graceMs` to be answered. */
  close(graceMs: number): Promise<void>;
}

/**
 * The one address that people see: forms at `/<form>/`, what the runner knows at `/_/`. Forms are open to every client, all
 * else to this machine alone.
 * @param port 0 = one from the system
 * @throws Error when the port is taken or the host is not one of this machine's
 */
export async function openGateway({ port, host }: { port: number; host: string }): Promise<Gateway> {
  let parts: GatewayParts | undefined;
  let closing = false;
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (req, res) => {
    if (closing) res.setHeader('connection', 'close');
    if (!parts || closing) {
      const state = closing ? 'stopping' : 'starting';
      return answerProblem(res, 503, `formbus is ${state}.`, { headers: { 'retry-after': '1' } });
    }
    try {
      route(parts, req, res, host);
    } catch (error) {
      if (res.headersSent) res.destroy();
      else answerProblem(res, 500, error instanceof Error ? error.message : String(error));
    }
  });
  const listening = await listen(server, { port, host }).catch((cause: NodeJS.ErrnoException) => {
    throw listenError(cause, port, host);
  });
  // "Every address" cannot be opened in a browser.
  const shown = host === '0.0.0.0' || host === '::' ? 'localhost' : host;
  return {
    url: `http://${shown.includes(':') ? `[${shown}]` : shown}:${listening.port}`,
    open(given) {
      parts = given;
    },
    async close(graceMs) {
      closing = true;
      const closed = listening.close();
      // A connection that becomes idle is of no more use; Node closes only those that are idle at the time of the call.
      const idle = setInterval(() => server.closeIdleConnections(), 20);
      const late = setTimeout(() => server.closeAllConnections(), graceMs);
      await closed;
      clearInterval(idle);
      clearTimeout(late);
    },
  };
}

/** Some clients ask by the whole URL; the host in it then counts, and not the header (RFC 9112, 3.2.2). */
function toOriginForm(req: IncomingMessage): void {
  const [, host, rest = ''] = /^https?:\/\/([^/?#]+)(.*)$/i.exec(req.url ?? '') ?? [];
  if (host === undefined) return;
  req.headers.host = host;
  req.url = rest.startsWith('/') ? rest : `/${rest}`;
}

function route(parts: GatewayParts, req: IncomingMessage, res: ServerResponse, host: string): void {
  toOriginForm(req);
  const match = /^\/([^/?]*)(\/[^?]*)?(\?.*)?$/.exec(req.url ?? '');
  if (!match) return answerProblem(res, 400, 'The address is malformed.');
  const [, name = '', rest, query = ''] = match;
  if (parts.forms.includes(name)) {
    if (rest === undefined) return redirect(res, `/${name}/${query}`);
    return parts.services.request(name, req, res, rest + query);
  }
  if (refuseForeign(req, res, host)) return undefined;
  if (name === '_') {
    const path = bare(rest ?? '/');
    // The links in a page go by its address.
    if (path !== rest && /^\/(sheets|mails)\/./.test(path)) return redirect(res, `/_${path}${query}`);
    return runnerPages(parts, req, res, path);
  }
  if (name === '' && rest === undefined) {
    return only(['GET', 'HEAD'], req, res, () => answerHtml(res, indexPage(parts, req.headers.host ?? '')));
  }
  const forms = parts.forms.map((form) => `/${form}/`);
  answerMissing(req, res, `There is no form at /${name}; the forms are ${forms.join(', ') || 'none'}.`, {
    forms,
  });
}

/** Without slashes at the end; the lists of pages have one. */
function bare(path: string): string {
  return ['/sheets/', '/mails/'].includes(path) ? path : path.replace(/\/+$/, '');
}

function listenError(cause: NodeJS.ErrnoException, port: number, host: string): Error {
  const what: Record<string, string> = {
    EADDRINUSE: `port ${port} is in use; stop what uses it or choose another with --port`,
    EACCES: `port ${port} is not open to this user; choose another with --port`,
    EADDRNOTAVAIL: `${host} is not an address of this machine; choose another with --host`,
    ENOTFOUND: `${host} is not an address of this machine; choose another with --host`,
  };
  return new Error(what[cause.code ?? ''] ?? `cannot listen on ${host}:${port}: ${cause.message}`, { cause });
}
