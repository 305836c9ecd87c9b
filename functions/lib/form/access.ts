import type { IncomingHttpHeaders } from 'node:http';
import * as v from 'valibot';
import type { Env } from '../runtime/env.ts';
import type { HttpAnswer } from '../serve/http.ts';

const Origins = v.pipe(
  v.optional(v.string(), ''),
  v.transform((list) =>
    list
      .split(',')
      .map((origin) => origin.trim())
      .filter(Boolean),
  ),
  v.everyItem(
    (origin) => origin === '*' || isOrigin(origin),
    'not origins as browsers send them: https://school.example, in small letters, without a slash at the end',
  ),
);

/** Which other sites may post to a form from their own pages, and which may show its page in theirs. */
export const accessEnv = {
  CORS_ORIGINS: v.pipe(
    Origins,
    v.description(
      'origins that may post from their own pages, with commas between them, or * (default: none)',
    ),
  ),
  FRAME_ANCESTORS: v.pipe(
    Origins,
    v.description('origins whose pages may embed the form, with commas between them, or * (default: none)'),
  ),
};

type Access = Env<typeof accessEnv>;

/** An http or https origin has one spelling only; an app's web view has a scheme of its own, like capacitor://localhost. */
function isOrigin(text: string): boolean {
  if (!/^[a-z][a-z\d+.-]*:\/\/[a-z\d[\]:.-]+$/.test(text)) return false;
  return !text.startsWith('http') || (URL.canParse(text) && new URL(text).origin === text);
}

/** Whether the page that sends a request has an allowed origin. */
export function isAllowed({ origin }: IncomingHttpHeaders, { CORS_ORIGINS: allowed }: Access): boolean {
  return origin !== undefined && (allowed.includes('*') || allowed.includes(origin));
}

/**
 * Adds the headers that say which other sites' pages may read and embed an answer. They are on errors as well: to a page that may not
 * read an error, each looks like a broken network.
 */
export function openedTo(request: IncomingHttpHeaders, answer: HttpAnswer, env: Access): HttpAnswer {
  const { CORS_ORIGINS: allowed, FRAME_ANCESTORS: framing } = env;
  const origin = allowed.includes('*') ? '*' : isAllowed(request, env) ? request.origin : undefined;
  const policy = answer.headers?.['content-security-policy'];
  if (!policy && allowed.length === 0) return answer;
  const ancestors = framing.length > 0 ? framing.join(' ') : "'none'";
  return {
    ...answer,
    headers: {
      ...answer.headers,
      ...(policy ? { 'content-security-policy': `${policy}; frame-ancestors ${ancestors}` } : {}),
      ...(origin ? { 'access-control-allow-origin': origin, ...readable } : {}),
      ...(allowed.length > 0 && origin !== '*' ? { vary: 'Origin' } : {}),
    },
  };
}

export const methods = 'GET, HEAD, POST, OPTIONS';

const readable = {
  'access-control-allow-methods': methods,
  'access-control-allow-headers': 'content-type, idempotency-key, traceparent',
  'access-control-expose-headers': 'Retry-After, Allow',
  'access-control-max-age': '86400',
};
