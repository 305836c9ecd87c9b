import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { refuseForeign } from '../web/hosts.ts';
import { answerApi, type ApiAnswer, type ApiRequest } from './api.ts';
import { GoogleError, invalid } from './grid/google-error.ts';
import { readBody, sendFaultPage, sendJson } from './http.ts';
import { handlePages } from './pages/pages.ts';
import { handleFaults } from './faults/faults-page.ts';
import { openFaults, type Faults } from './faults/faults.ts';
import { protect } from './requests/protection.ts';
import { createQuota, type QuotaLimits } from './quota.ts';
import { listSheets } from './grid/sheet.ts';
import { createSpreadsheet } from './spreadsheet.ts';
import { openStore } from './grid/store.ts';
import { guessed, seen } from './grid/texts.ts';

export interface SheetsOptions {
  /** The folder that the sheets are kept in; made if it is not there. */
  dir: string;
  /** Ids of spreadsheets to make if they are not there. */
  spreadsheets?: string[];
  /** The API's port on 127.0.0.1; 0 lets the system choose. */
  port?: number;
  /** Milliseconds since 1970: the clock of the quotas. */
  now?: () => number;
  /** Requests per minute, reads and writes each. */
  quota?: QuotaLimits;
  /** Called with the emulator's own faults; the caller is answered 500 or 503. */
  report?: (error: unknown) => void;
}

export interface SheetsServer {
  /** The API's root URL, what `rootUrl` (less the slash at its end) is for the `googleapis` client. */
  url: string;
  /**
   * Serves the pages for people. `path` is what follows their root in the request's URL, still percent-encoded.
   * @returns whether it answers; false, with nothing done, for methods other than GET and HEAD (but for `faults`)
   */
  handle(req: IncomingMessage, res: ServerResponse, path: string): boolean;
  /** Makes spreadsheets that are not there. */
  make(spreadsheets: string[]): void;
  /** Revokes all access to a spreadsheet (403), or restores it. */
  setRevoked(spreadsheet: string, revoked: boolean): void;
  /** Protects a tab, or one of its columns by its index, from all users of the API, or lifts all protection of the tab. */
  setProtected(spreadsheet: string, title: string, protection: boolean | { column: number }): void;
  /** What the next calls meet; also at `faults` below the pages' root. */
  faults: Faults;
  /** How many calls are still to be applied, later, by a fault. */
  pending(): number;
  close(): Promise<void>;
}

const unavailable: ApiAnswer = {
  status: 503,
  body: new GoogleError(503, 'UNAVAILABLE', seen.unavailable).body(),
};

/**
 * Google Sheets on this machine: of the API v4 the calls and requests that are known here, all others are refused;
 * with Google's atomicity, limits, quotas and error bodies. Formulas are kept and shown, not calculated.
 */
export async function startSheets({
  dir,
  spreadsheets = [],
  port = 0,
  now = Date.now,
  quota = { perUser: 60, perProject: 300 },
  report = (error) => console.error(error),
}: SheetsOptions): Promise<SheetsServer> {
  const store = openStore(dir);
  const take = createQuota(quota, now);
  function make(ids: string[]) {
    for (const id of ids) {
      const known = store.sql.get`SELECT 1 FROM spreadsheets WHERE id = ${id}`;
      if (!known) createSpreadsheet(store, { properties: { title: id } }, id);
    }
  }
  make(spreadsheets);

  const faults = openFaults();
  const later = new Set<NodeJS.Timeout>();

  function apply(request: ApiRequest): ApiAnswer {
    try {
      return answerApi(store, take, request);
    } catch (error) {
      report(error);
      return { status: 500, body: new GoogleError(500, 'INTERNAL', guessed.internal).body() };
    }
  }

  function applyLater(request: ApiRequest, delayMs: number, then: (answer: ApiAnswer) => void) {
    const timer = setTimeout(() => {
      later.delete(timer);
      then(apply(request));
    }, delayMs);
    later.add(timer);
  }

  async function serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const url = URL.parse(`http://127.0.0.1${req.url}`) ?? new URL('http://127.0.0.1');
    const { authorization } = req.headers;
    let request: ApiRequest;
    try {
      request = { method: req.method ?? '', url, authorization, body: await readBody(req) };
    } catch (error) {
      // The caller hung up while sending: nothing was applied and no client waits for an answer.
      if (!(error instanceof GoogleError)) throw error;
      return sendJson(res, error.code, error.body());
    }
    const answer = ({ status, body }: ApiAnswer) => {
      if (!res.destroyed) sendJson(res, status, body);
    };
    const spreadsheet = /^\/v4\/spreadsheets\/([^/:]+)/.exec(url.pathname)?.[1];
    const fault = faults.take({ isWrite: url.pathname.endsWith(':batchUpdate'), spreadsheet });
    switch (fault?.kind) {
      case 'fail-before':
        return answer(unavailable);
      case 'quota':
        return answer({
          status: 429,
          body: new GoogleError(429, 'RESOURCE_EXHAUSTED', guessed.quotaFault).body(),
        });
      case 'refuse':
        return answer({ status: 400, body: invalid(seen.invalidArgument).body() });
      case 'too-large':
        return sendFaultPage(res, 413);
      case 'proxy-before':
        return sendFaultPage(res, 200);
      case 'proxy-after':
        apply(request);
        return sendFaultPage(res, 200);
      case 'drop-before':
        return void res.destroy();
      case 'fail-after':
        apply(request);
        return answer(unavailable);
      case 'drop-after':
        apply(request);
        return void res.destroy();
      case 'delay':
        return applyLater(request, fault.delayMs, answer);
      case 'twice':
        answer(apply(request));
        return applyLater(request, fault.delayMs, () => {});
      case 'edit': {
        const edit = { ...request, body: Buffer.from(JSON.stringify({ requests: fault.requests })) };
        apply({ ...edit, method: 'POST', url: new URL(`/v4/spreadsheets/${spreadsheet}:batchUpdate`, url) });
        return answer(apply(request));
      }
      case undefined:
        return answer(apply(request));
    }
  }

  const server = createServer((req, res) => {
    if (refuseForeign(req, res)) return;
    serve(req, res).catch(() => res.destroy());
  });
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    store.close();
    throw error;
  }
  const address = server.address();
  if (address === null || typeof address === 'string')
    throw new Error('The Sheets emulator listens on no port.');

  return {
    url: `http://127.0.0.1:${address.port}`,
    handle(req, res, path) {
      if (path === 'faults') {
        handleFaults(faults, req, res).catch(() => res.destroy());
        return true;
      }
      if (req.method !== 'GET' && req.method !== 'HEAD') return false;
      handlePages(store, req, res, path).catch((error: unknown) => {
        report(error);
        if (!res.headersSent)
          res.writeHead(500, { 'content-type': 'text/plain' }).end('The sheet could not be read.\n');
        else res.destroy();
      });
      return true;
    },
    make,
    setRevoked(spreadsheet, revoked) {
      store.sql.run`UPDATE spreadsheets SET revoked = ${Number(revoked)} WHERE id = ${spreadsheet}`;
    },
    setProtected(spreadsheet, title, protection) {
      const sheet = listSheets(store.sql, spreadsheet).find((one) => one.title === title);
      if (!sheet) throw new Error(`There is no tab ${title}.`);
      protect(store.sql, sheet, protection);
    },
    faults,
    pending: () => later.size,
    async close() {
      for (const timer of later) clearTimeout(timer);
      const closed = once(server, 'close');
      server.close();
      const impatience = setTimeout(() => server.closeAllConnections(), 2000);
      await closed;
      clearTimeout(impatience);
      store.close();
    },
  };
}
