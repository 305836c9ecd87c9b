import type { IncomingMessage, ServerResponse } from 'node:http';
import PostalMime, { type Email } from 'postal-mime';
import * as v from 'valibot';
import { answerProblem } from '../web/problem.ts';
import { sendPage } from '../web/page.ts';
import { Fault, faultHelp, type Faults } from './faults.ts';
import type { MailStore } from './store.ts';
import { listView, mailView, missingView } from './views.ts';

export interface MailsParts {
  store: MailStore;
  faults: Faults;
  report: (error: unknown) => void;
}

/** A list has so many at once; `before` leads on. */
const listed = 1_000;

/** What a mail brings along is shown and never run: no script, no form, nothing fetched from anywhere, no way out of its frame. */
const MAIL_POLICY =
  "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

/**
 * By what follows the root: `` is the list as JSON (a browser is led to the page), `/` as a page; `/ID` a mail as a page, `/ID.json`
 * as JSON, `/ID.html` its HTML alone, `/ID.eml` as it came; `/faults` what the server is to do wrong.
 */
export function handleMails(
  parts: MailsParts,
  req: IncomingMessage,
  res: ServerResponse,
  path: string,
): boolean {
  const isReading = req.method === 'GET' || req.method === 'HEAD';
  if (path !== '/faults' && !isReading) return false;
  answer(parts, req, res, path).catch((error: unknown) => {
    parts.report(error);
    answerProblem(res, 500, 'The mails could not be read.');
  });
  return true;
}

async function answer(parts: MailsParts, req: IncomingMessage, res: ServerResponse, path: string) {
  const { store, faults } = parts;
  if (path === '/faults') return handleFaults(faults, req, res);
  const version = store.version();
  const { searchParams } = new URL(req.url ?? '', 'http://localhost');
  const before = searchParams.get('before') ?? String(Number.MAX_SAFE_INTEGER);
  if (!/^\d{1,16}$/.test(before)) return answerProblem(res, 400, 'before is the id of a mail.');
  if (path === '') {
    if (req.headers.accept?.includes('text/html'))
      return void res.writeHead(303, { location: '/_/mails/', 'content-length': 0 }).end();
    return sendJson(res, store.list(Number(before), listed));
  }
  if (path === '/') {
    const view = () => listView(store.list(Number(before), listed), store.count());
    return sendPage(req, res, () => ({ ...view(), version }), version);
  }
  const [, id = '', form = ''] = /^\/(\d{1,15})(?:\.(json|html|eml))?$/.exec(path) ?? [];
  const found = id === '' ? undefined : store.read(Number(id));
  if (!found) {
    if (req.headers.accept?.includes('text/html'))
      return sendPage(req, res, () => ({ ...missingView(), version }), version);
    return answerProblem(res, 404, 'There is no such mail; /_/mails lists those that there are.');
  }
  const { mail, raw } = found;
  if (form === 'eml') return send(res, raw, { 'content-type': 'message/rfc822' });
  const parsed = await PostalMime.parse(raw).catch((): Pick<Email, 'headers' | 'text' | 'html'> => ({
    headers: [],
    text: 'This mail cannot be read; its bytes are in the .eml.',
  }));
  const { headers, text, html } = parsed;
  if (form === 'json') return sendJson(res, { ...mail, headers, text, html });
  if (form === 'html') {
    const policy = { 'content-security-policy': MAIL_POLICY, 'content-type': 'text/html; charset=utf-8' };
    return send(res, Buffer.from(html ?? ''), policy);
  }
  return sendPage(req, res, () => ({ ...mailView(mail, parsed), version }), version);
}

const FaultsBody = v.pipe(
  v.string(),
  v.parseJson(),
  // An array first, or a mistake in a fault would be called none of the two.
  v.transform((faults) => [faults].flat()),
  v.array(Fault),
);

/** `GET` lists the faults that wait, `POST` adds one or a list of them, `DELETE` removes all. */
async function handleFaults(faults: Faults, req: IncomingMessage, res: ServerResponse): Promise<void> {
  if (req.method === 'POST') {
    let body = '';
    for await (const chunk of req) if (body.length < maxFaults) body += String(chunk);
    const { success, output, issues } = v.safeParse(FaultsBody, body);
    if (!success) {
      const detail = `That is not a fault: ${issues.map(({ message }) => message).join('; ')}`;
      return answerProblem(res, 400, detail, { kinds: faultHelp });
    }
    faults.add(output);
  } else if (req.method === 'DELETE') {
    faults.clear();
  }
  sendJson(res, { waiting: faults.list(), kinds: faultHelp });
}

/** Characters of a list of faults. */
const maxFaults = 1_000_000;

function sendJson(res: ServerResponse, value: unknown): void {
  send(res, Buffer.from(`${JSON.stringify(value, null, 2)}\n`), { 'content-type': 'application/json' });
}

function send(res: ServerResponse, body: Uint8Array, headers: Record<string, string>): void {
  res.writeHead(200, {
    ...headers,
    'content-length': body.length,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  res.end(res.req.method === 'HEAD' ? undefined : body);
}
