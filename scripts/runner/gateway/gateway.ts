import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { answerHtml, answerJson, answerText, redirect } from './answers.ts';
import { refuseForeign } from '../../emulators/web/hosts.ts';
import { indexPage, missingPage } from './index-page.ts';
import type { GatewayParts } from './parts.ts';
import { answerProblem } from '../../emulators/web/problem.ts';
import { readRedelivery, readRedrive } from './redelivery-request.ts';

export interface Gateway {
  url: string;
  /** From now on requests are served; before, everything is answered 503. */
  open(parts: GatewayParts): void;
  /** Takes no new connections; requests in flight have `graceMs` to be answered. */
  close(graceMs: number): Promise<void>;
}

/**
 * The one address that people see: forms at `/<form>/`, what the runner knows at `/_/`. Forms are for everybody who gets here, all
 * else for this machine alone.
 * @param port 0 = one from the system
 * @throws Error when the port is taken or the host is none of this machine's
 */
export async function openGateway({ port, host }: { port: number; host: string }): Promise<Gateway> {
  let parts: GatewayParts | undefined;
  let closing = false;
  const server = createServer((req, res) => {
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
  const url = await listen(server, port, host);
  return {
    url,
    open(given) {
      parts = given;
    },
    async close(graceMs) {
      closing = true;
      const closed = new Promise((resolve) => server.close(resolve));
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

function runnerPages(parts: GatewayParts, req: IncomingMessage, res: ServerResponse, path: string): void {
  const json = (value: unknown) => only(['GET', 'HEAD'], req, res, () => answerJson(res, value));
  if (path === '/healthz') return json({ status: 'ok' });
  if (path === '/metrics') return only(['GET', 'HEAD'], req, res, () => void answerMetrics(parts, res));
  if (path === '/waiting') return only(['GET', 'HEAD'], req, res, () => void answerWaiting(parts, res));
  if (path === '/services') return json(parts.services.status());
  const { searchParams: query } = new URL(req.url ?? '', 'http://localhost');
  if (path === '/dead-letters') {
    const before = query.get('before');
    if (before === null) return json(parts.deadLetters());
    if (!isPlace(before)) return answerProblem(res, 400, 'before is the id of a dead letter.');
    return json(parts.deadLetters(Number(before)));
  }
  if (path === '/dead-letters/redrive') return only(['POST'], req, res, () => void redrive(parts, req, res));
  if (path === '/events') {
    const after = query.get('after') ?? '0';
    if (!isPlace(after)) return answerProblem(res, 400, 'after is the seq of an event.');
    return json(parts.events(Number(after)));
  }
  if (path === '/events/redeliver') return only(['POST'], req, res, () => void redeliver(parts, req, res));
  if (path === '/connections') return json(parts.connections);
  if (path === '/schedules') return json(parts.schedules.status());
  if (path.startsWith('/schedules/')) {
    return only(['POST'], req, res, () => void fire(parts, res, path.slice('/schedules/'.length)));
  }
  const { sheets, mails } = parts;
  if (path === '/sheets' && sheets) return redirect(res, '/_/sheets/');
  if (path.startsWith('/sheets/') && sheets) {
    if (sheets(req, res, path.slice('/sheets/'.length))) return undefined;
    return only(['GET', 'HEAD'], req, res, () => {});
  }
  if ((path === '/mails' || path.startsWith('/mails/')) && mails) {
    if (mails(req, res, path.slice('/mails'.length))) return undefined;
    return only(['GET', 'HEAD'], req, res, () => {});
  }
  answerMissing(req, res, `Not found: /_${path}.`);
}

function answerMissing(req: IncomingMessage, res: ServerResponse, detail: string, members = {}) {
  if (req.headers.accept?.includes('text/html')) return answerHtml(res, missingPage(detail), 404);
  answerProblem(res, 404, detail, members);
}

async function answerMetrics({ metrics }: GatewayParts, res: ServerResponse) {
  try {
    answerText(res, await metrics());
  } catch (error) {
    answerProblem(res, 500, error instanceof Error ? error.message : String(error));
  }
}

async function answerWaiting({ waiting }: GatewayParts, res: ServerResponse) {
  try {
    answerJson(res, await waiting());
  } catch (error) {
    answerProblem(res, 503, error instanceof Error ? error.message : String(error));
  }
}

async function redeliver(parts: GatewayParts, req: IncomingMessage, res: ServerResponse) {
  try {
    const asked = await readRedelivery(req);
    if (typeof asked === 'string') return answerProblem(res, 400, asked);
    const queued = await parts.redeliver(asked.trigger, asked.seqs);
    if (queued === undefined) return answerProblem(res, 404, `There is no Trigger ${asked.trigger}.`);
    answerJson(res, { queued });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    answerProblem(res, 500, `Nothing was queued: ${reason}`);
  }
}

async function redrive(parts: GatewayParts, req: IncomingMessage, res: ServerResponse) {
  try {
    const asked = await readRedrive(req);
    if (typeof asked === 'string') return answerProblem(res, 400, asked);
    answerJson(res, { queued: await parts.redrive(asked.ids) });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    answerProblem(res, 500, `Nothing was queued: ${reason}`);
  }
}

const isPlace = (text: string) => /^\d{1,15}$/.test(text);

/** By hand a schedule is fired to see what comes of a submission a moment ago: that one goes first. */
async function fire({ schedules, delivered }: GatewayParts, res: ServerResponse, name: string) {
  const names = schedules.status().map((schedule) => schedule.name);
  if (!names.includes(name)) {
    return answerProblem(res, 404, `There is no schedule ${name}; there are ${names.join(', ') || 'none'}.`);
  }
  try {
    await delivered();
    answerJson(res, await schedules.fire(name));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    answerProblem(res, 502, `The sink of ${name} could not be reached: ${reason}`);
  }
}

function only(methods: string[], req: IncomingMessage, res: ServerResponse, answer: () => void): void {
  if (methods.includes(req.method ?? '')) return answer();
  const allow = methods.join(', ');
  return answerProblem(res, 405, `This address takes ${allow} only.`, { headers: { allow } });
}

function listen(server: Server, port: number, host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(listenError(cause, port, host)));
    server.listen({ port, host }, () => {
      const address = server.address();
      const bound = typeof address === 'object' && address ? address.port : port;
      // "Every address" is none that one can go to.
      const shown = host === '0.0.0.0' || host === '::' ? 'localhost' : host;
      resolve(`http://${shown.includes(':') ? `[${shown}]` : shown}:${bound}`);
    });
  });
}

function listenError(cause: NodeJS.ErrnoException, port: number, host: string): Error {
  const what: Record<string, string> = {
    EADDRINUSE: `port ${port} is in use; stop what uses it or choose another one with --port`,
    EACCES: `port ${port} is not open to this user; choose another one with --port`,
    EADDRNOTAVAIL: `${host} is not an address of this machine; choose another one with --host`,
    ENOTFOUND: `${host} is not an address of this machine; choose another one with --host`,
  };
  return new Error(what[cause.code ?? ''] ?? `cannot listen on ${host}:${port}: ${cause.message}`, { cause });
}
