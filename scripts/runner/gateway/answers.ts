import type { ServerResponse } from 'node:http';

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
