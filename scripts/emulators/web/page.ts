import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Html, html } from './html.ts';

const style = readFileSync(new URL('page.css', import.meta.url), 'utf8');
const script = readFileSync(new URL('page-script.js', import.meta.url), 'utf8');

// Put in as they are: the hashes below are of every character between the tags.
const styleElement = new Html(`<style>${style}</style>`);
const scriptElement = new Html(`<script type="module">${script}</script>`);

const sha256 = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** Nothing but this style and this script: what stands in a sheet was written by strangers. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  `style-src ${sha256(style)}`,
  `script-src ${sha256(script)}`,
  "connect-src 'self'",
  'img-src data:',
  "frame-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export interface Page {
  status: number;
  /** Pages of one kind differ only in their parts marked `data-live`, which the script swaps. */
  kind: string;
  title: string;
  /** Changes whenever the page may have. */
  version: string;
  header: Html;
  main: Html;
}

/** Answers with a page that updates itself, or 304 when the caller has this version. */
export function sendPage(req: IncomingMessage, res: ServerResponse, page: () => Page, version: string): void {
  const etag = `"${version}"`;
  const common = { etag, 'cache-control': 'no-cache' };
  if (req.headers['if-none-match'] === etag) {
    res.writeHead(304, common).end();
    return;
  }
  const { status, ...content } = page();
  const body = Buffer.from(layout(content).text);
  res.writeHead(status, {
    ...common,
    'content-type': 'text/html; charset=utf-8',
    'content-length': body.length,
    'content-security-policy': CONTENT_SECURITY_POLICY,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  });
  res.end(req.method === 'HEAD' ? undefined : body);
}

function layout({ kind, title, version, header, main }: Omit<Page, 'status'>): Html {
  return html`<!doctype html>
    <html lang="en" data-version='"${version}"'>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        <link rel="icon" href="data:," />
        ${styleElement}
      </head>
      <body data-page="${kind}">
        <header>${header}<span id="state" role="status">Live</span></header>
        <p id="waiting" hidden><span role="status"></span><button type="button">Flush now</button></p>
        ${main} ${scriptElement}
      </body>
    </html> `;
}
