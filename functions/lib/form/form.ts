import { createHash } from 'node:crypto';
import * as v from 'valibot';
import { checkAttributes } from '../event/attribute-bytes.ts';
import { mailAttributes, type MailAttributes, type MailTexts } from '../schema/mail-texts.ts';
import type { Env } from '../runtime/env.ts';
import { submissionEvent, traceparentOf } from '../event/event.ts';
import { accessEnv, isAllowed, methods, openedTo } from './access.ts';
import { html, problem, wantsHtml } from './answers.ts';
import { parseBody } from './parse-body.ts';
import { fieldChecker, type FieldError, type FormSchema } from '../schema/form-schema.ts';
import { refuseColumns } from '../schema/column-names.ts';
import { formJsonSchema } from '../schema/json-schema.ts';
import { formPage, honeypot, thanksPage, tokenField } from './page.ts';
import { submissionCounter } from './form-metrics.ts';
import { humanName } from '../schema/human-name.ts';
import { HttpError, httpErrorOf, type HttpAnswer, type HttpRequest } from '../serve/http.ts';
import { reasonOf, type Log } from '../runtime/log.ts';
import { openPublisher, publisherEnv } from '../publish/publish.ts';
import { sheetColumns, type SheetColumns } from '../schema/sheet-columns.ts';
import type { FunctionDefinition } from '../serve/definition.ts';
import { keyedId, newId } from './submission-id.ts';

const formEnv = {
  ...publisherEnv,
  ...accessEnv,
  SPREADSHEET_ID: v.pipe(
    v.string(),
    v.regex(/^[\w-]+$/, 'not an id'),
    v.description(
      "the id of the Google spreadsheet that this form's rows go to (the part of its address after /d/)",
    ),
  ),
  SHEET_TAB: v.pipe(
    v.optional(v.pipe(v.string(), v.regex(/^\P{Cc}{1,100}$/u, 'not 1 to 100 characters'))),
    v.description("the spreadsheet's tab (default: the form's name)"),
  ),
  IDEMPOTENCY_SECRET: v.pipe(
    v.string(),
    v.minLength(16, 'shorter than 16 characters'),
    v.description('a random text of 16 characters or more, the same in all forms'),
  ),
};

const unavailable = 'The submission could not be stored right now. Nothing is lost: please send it again.';

/** A form as tasks find it in its module. */
export interface FormDefinition extends FunctionDefinition {
  title: string;
  mail: MailTexts;
  columns: SheetColumns;
}

/**
 * Makes a form endpoint from its schema: the page, its JSON Schema, validation, and one event for each submission.
 * Field names are letters, digits, `_` and `-`, beginning with a letter; they become the columns of the sheet.
 * @param options.mail the form's own words in the mail that confirms a submission
 */
export function form(
  name: string,
  schema: FormSchema,
  { mail: texts = {} }: { mail?: MailTexts } = {},
): FormDefinition {
  refuseColumns(name, schema);
  const check = fieldChecker(schema);
  const jsonSchema = formJsonSchema(schema);
  const version = createHash('sha256').update(JSON.stringify(jsonSchema)).digest('hex').slice(0, 8);
  const dataschema = `urn:formbus:form:${name}:${version}`;
  const schemaJson = JSON.stringify({ ...jsonSchema, $id: dataschema }, null, 2);
  const mail = mailAttributes(name, schema, texts);

  return {
    name,
    title: v.getTitle(schema) ?? humanName(name),
    mail: texts,
    columns: sheetColumns(schema.entries),
    env: formEnv,
    limits: { maxBytes: 100_000, deadlineMs: 10_000 },
    start(env: Env<typeof formEnv>, log) {
      checkAttributes({ form: name, dataschema, mail, ...sheetOf(env, name) });
      const publisher = openPublisher(env, log);
      const submit = (request: HttpRequest) =>
        submitTo({ request, name, schema, check, dataschema, mail, env, log, publish: publisher.publish });
      return {
        handle: (request) => route(request, { name, schema, schemaJson, submit }),
        complete: (answer, { headers }) => openedTo(headers, answer, env),
        close: () => publisher.close(),
      };
    },
    answerError: problem,
    answered: submissionCounter(name),
  };
}

interface Routes {
  name: string;
  schema: FormSchema;
  schemaJson: string;
  submit(request: HttpRequest): Promise<HttpAnswer>;
}

async function route(
  request: HttpRequest,
  { name, schema, schemaJson, submit }: Routes,
): Promise<HttpAnswer> {
  const { method, path, query } = request;
  const reading = method === 'GET' || method === 'HEAD';
  if (path === '/') {
    if (reading) return html(200, formPage({ name, schema }));
    if (method === 'POST') return submit(request);
    if (method === 'OPTIONS') return { status: 204, headers: { allow: methods } };
    throw new HttpError(405, `${method} is not possible here.`, { headers: { allow: methods } });
  }
  if (path !== '/schema.json' && path !== '/thanks')
    throw new HttpError(404, 'There is nothing at this address.');
  if (!reading)
    throw new HttpError(405, `${method} is not possible here.`, { headers: { allow: 'GET, HEAD' } });
  if (path === '/thanks') return html(200, thanksPage({ name, schema, id: query.get('id') ?? '' }));
  return { status: 200, headers: { 'content-type': 'application/schema+json' }, body: schemaJson };
}

interface SubmitOptions {
  request: HttpRequest;
  name: string;
  schema: FormSchema;
  check: ReturnType<typeof fieldChecker>;
  dataschema: string;
  mail: MailAttributes;
  env: Env<typeof formEnv>;
  log: Log;
  publish: ReturnType<typeof openPublisher>['publish'];
}

async function submitTo({
  request,
  name,
  schema,
  check,
  dataschema,
  mail,
  env,
  log,
  publish,
}: SubmitOptions): Promise<HttpAnswer> {
  const receivedAt = new Date();
  const body = await parseBody(request.headers, request.body, { plain: isAllowed(request.headers, env) });
  const { data, errors } = check(body, wantsHtml(request) ? 'person' : 'program');
  const page = (status: number, given: { errors?: FieldError[]; notice?: string }) =>
    html(status, formPage({ name, schema, typed: body, ...given }));
  if (!data) {
    if (wantsHtml(request)) return page(422, { errors });
    return problem(new HttpError(422, 'Some fields are missing or wrong.'), request, { errors });
  }

  const key = idempotencyKey(request, body);
  const id = key ? keyedId(env.IDEMPOTENCY_SECRET, name, key, data) : newId(receivedAt.getTime());
  const suspected = isFilled(body[honeypot]);
  const event = submissionEvent({
    type: suspected ? 'form.suspected' : 'form.submitted',
    id,
    form: name,
    receivedAt,
    data,
    dataschema,
    ...sheetOf(env, name),
    traceparent: traceparentOf(request.headers['traceparent']),
    ...(suspected ? {} : { mail }),
  });
  try {
    await publish(event);
  } catch (error) {
    log.warn({ id, reason: reasonOf(error) }, 'not acknowledged');
    if (!wantsHtml(request)) throw error;
    const again = page(503, { notice: unavailable });
    const known = httpErrorOf(error);
    return { ...again, headers: { ...again.headers, ...known?.headers }, reason: known?.reason };
  }
  log.info({ id, type: event.type }, 'accepted');
  if (wantsHtml(request))
    return { status: 303, headers: { location: `./thanks?id=${id}`, 'cache-control': 'no-store' } };
  return {
    status: 202,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
    body: JSON.stringify({ id, form: name, receivedAt: receivedAt.toISOString() }),
  };
}

function sheetOf({ SPREADSHEET_ID: spreadsheetId, SHEET_TAB: tab }: Env<typeof formEnv>, name: string) {
  return { spreadsheetId, tab: tab ?? name };
}

/** The `Idempotency-Key` header, or the hidden token of the page. */
function idempotencyKey({ headers }: HttpRequest, body: Record<string, unknown>): string | undefined {
  const header = headers['idempotency-key'];
  const token = body[tokenField];
  const key =
    typeof header === 'string' && header !== '' ? header : typeof token === 'string' ? token : undefined;
  if (key && key.length > 255)
    throw new HttpError(400, 'The idempotency key may have at most 255 characters.', {
      reason: 'idempotency-key',
    });
  return key || undefined;
}

/** A program may fill in a field twice, or send a list. */
function isFilled(value: unknown): boolean {
  return Array.isArray(value) ? value.some(isFilled) : (value ?? '') !== '';
}
