import type { IncomingHttpHeaders } from 'node:http';
import { HttpError } from '../../serve/http.ts';

/** More than any form needs; a body of 100 kB could hold 10⁵ keys. */
const maxKeys = 1_000;
const maxDepth = 8;

/**
 * Parses a submission: JSON, urlencoded, or multipart without files. Values are as they came, not yet validated.
 * @param options.plain whether JSON may come as text/plain, as `navigator.sendBeacon` sends it. Browsers let a page of any site send
 * that without asking, so allow it for known origins only
 * @throws HttpError 400 or 415
 */
export function parseBody(
  headers: IncomingHttpHeaders,
  body: Buffer,
  { plain }: { plain: boolean },
): Fields | Promise<Fields> {
  const contentType = headers['content-type'] ?? '';
  const [type = ''] = contentType.toLowerCase().split(';', 1);
  const charset = /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(contentType)?.[1]?.toLowerCase() ?? 'utf-8';
  if (!['utf-8', 'utf8', 'us-ascii'].includes(charset))
    throw new HttpError(415, 'Only the charset utf-8 is accepted.');

  const parser = plain && type.trim() === 'text/plain' ? 'application/json' : type.trim();
  const parse = parsers.get(parser);
  if (!parse) {
    throw new HttpError(
      415,
      'Send the fields as application/json, application/x-www-form-urlencoded or multipart/form-data.',
    );
  }
  const parsed = parse(body, contentType);
  return parsed instanceof Promise ? parsed.then(fieldsOf) : fieldsOf(parsed);
}

type Fields = Record<string, unknown>;

function fieldsOf(parsed: unknown): Fields {
  refuseHostile(parsed);
  if (!isRecord(parsed)) throw new HttpError(400, 'The body is not an object with a value for each field.');
  return parsed;
}

const parsers = new Map(
  Object.entries<(body: Buffer, contentType: string) => unknown>({
    'application/json': (body) => {
      try {
        const source = decode(body);
        const parsed: unknown = JSON.parse(source);
        const hasOthers = isRecord(parsed) && Object.values(parsed).some(isNoText);
        return hasOthers ? JSON.parse(source, asTexts) : parsed;
      } catch (cause) {
        throw cause instanceof HttpError
          ? cause
          : new HttpError(400, 'The body is not valid JSON.', { cause });
      }
    },
    'application/x-www-form-urlencoded': (body) => {
      const source = decode(body);
      // curl's default label. A real urlencoded body has its brace as %7B.
      if (source.trimStart().startsWith('{'))
        throw new HttpError(
          415,
          "The body is JSON, but is labelled as application/x-www-form-urlencoded; with curl, add -H 'content-type: application/json'.",
        );
      const pairs = [...new URLSearchParams(source)];
      // URLSearchParams replaces percent-encoded bytes that are not UTF-8 by U+FFFD, which would silently lose what was typed.
      const replaced = pairs.flat().some((part) => part.includes('\uFFFD'));
      if (replaced && !/%EF%BF%BD|\uFFFD/i.test(source))
        throw new HttpError(400, 'The body is not valid UTF-8.');
      return collect(pairs);
    },
    'multipart/form-data': async (body, contentType) => {
      let form: FormData;
      try {
        form = await new Response(new Uint8Array(body), {
          headers: { 'content-type': contentType },
        }).formData();
      } catch (cause) {
        throw new HttpError(400, 'The body is not valid multipart/form-data.', { cause });
      }
      const pairs = [...form].flatMap(([key, value]): [string, string][] => {
        if (typeof value === 'string') return [[key, value]];
        // A browser sends this for an <input type=file> in which no file was chosen.
        if (value.size === 0) return [];
        throw new HttpError(415, 'Files are not accepted.');
      });
      // FormData also replaces what is not UTF-8, so the check reads the bytes.
      decode(body);
      return collect(pairs);
    },
  }),
);

/** Keeps numbers and booleans as the JSON spells them, because JSON.parse rounds long numbers. */
function asTexts(_key: string, value: unknown, context?: { source?: string }): unknown {
  return isNoText(value) ? context?.source : value;
}

function isNoText(value: unknown): boolean {
  return typeof value === 'number' || typeof value === 'boolean';
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function decode(body: Buffer): string {
  try {
    return utf8.decode(body);
  } catch (cause) {
    throw new HttpError(400, 'The body is not valid UTF-8.', { cause });
  }
}

/** Values of a repeated name become a list. */
function collect(pairs: [string, string][]): Record<string, unknown> {
  if (pairs.length > maxKeys) throw new HttpError(400, `The body has more than ${maxKeys} fields.`);
  const fields = new Map<string, string | string[]>();
  for (const [key, value] of pairs) {
    const before = fields.get(key);
    fields.set(key, before === undefined ? value : [before, value].flat());
  }
  return Object.fromEntries(fields);
}

/** Refuses the whole body, before any field is checked, for what no form's page and no honest client sends. */
function refuseHostile(parsed: unknown) {
  let keys = 0;
  let level: unknown[] = [parsed];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > maxDepth) throw new HttpError(400, `The body is nested more than ${maxDepth} levels deep.`);
    const next: unknown[] = [];
    for (const value of level) {
      if (typeof value === 'string') refuseText(value);
      if (typeof value !== 'object' || value === null) continue;
      for (const [key, inner] of Object.entries(value)) {
        keys += 1;
        if (keys > maxKeys) throw new HttpError(400, `The body has more than ${maxKeys} values.`);
        if (key === '__proto__') throw new HttpError(400, 'A field may not be named __proto__.');
        refuseText(key);
        next.push(inner);
      }
    }
    level = next;
  }
}

function refuseText(text: string) {
  if (text.includes('\0')) throw new HttpError(400, 'The body has a NUL character in it.');
  if (!text.isWellFormed()) throw new HttpError(400, 'The body has half of a surrogate pair in it.');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
