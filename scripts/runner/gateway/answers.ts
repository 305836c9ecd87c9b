import type { IncomingMessage, ServerResponse } from 'node:http';
import { answerProblem } from '../../emulators/web/problem.ts';
import { missingPage } from './index-page.ts';

export function redirect(res: ServerResponse, location: string) {
  res.writeHead(308, { location, 'content-length': 0 }).end();
}

export function answerJson(res: ServerResponse, value: unknown) {
  const body = `${JSON.stringify(value, null, 2)}\n`;
  res.writeHead(200, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  });
  res.end(body);
}

export function answerHtml(res: ServerResponse, body: string, status = 200) {
  res.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
  });
  res.end(body);
}

/** In Prometheus' text format. */
export function answerText(res: ServerResponse, body: string) {
  res.writeHead(200, {
    'content-type': 'text/plain; version=0.0.4; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  });
  res.end(body);
}

/** 404, as a page for a browser. */
export function answerMissing(req: IncomingMessage, res: ServerResponse, detail: string, members = {}) {
  if (req.headers.accept?.includes('text/html')) return answerHtml(res, missingPage(detail), 404);
  answerProblem(res, 404, detail, members);
}

/** 405 for other methods than these. */
export function only(methods: string[], req: IncomingMessage, res: ServerResponse, answer: () => void): void {
  if (methods.includes(req.method ?? '')) return answer();
  const allow = methods.join(', ');
  return answerProblem(res, 405, `This address takes ${allow} only.`, { headers: { allow } });
}
