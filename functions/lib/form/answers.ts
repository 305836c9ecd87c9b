import { messagePage } from './page/page.ts';
import { pageHeaders } from './page/page-style.ts';
import type { FieldError } from '../form-schema/form-schema.ts';
import type { HttpAnswer, HttpError, HttpRequest } from '../serve/http.ts';

export function wantsHtml({ headers }: Pick<HttpRequest, 'headers'>): boolean {
  return headers.accept?.includes('text/html') ?? false;
}

export function html(status: number, body: string): HttpAnswer {
  return { status, headers: pageHeaders, body };
}

/** RFC 9457 problem details; a page for a browser. */
export function problem(
  error: HttpError,
  request: Pick<HttpRequest, 'headers'>,
  more: { errors?: FieldError[] } = {},
): HttpAnswer {
  const { status, message, headers } = error;
  if (wantsHtml(request)) {
    const page = html(status, messagePage('This did not work', message));
    return { ...page, headers: { ...page.headers, ...headers } };
  }
  const title = titles[status] ?? 'Error';
  return {
    status,
    headers: { ...headers, 'content-type': 'application/problem+json', 'cache-control': 'no-store' },
    body: JSON.stringify({ type: 'about:blank', title, status, detail: message, ...more }),
  };
}

/** RFC 9110, section 15: with `about:blank` the title is the status's own phrase. */
const titles: Record<number, string> = {
  400: 'Bad Request',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};
