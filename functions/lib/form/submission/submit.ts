import { submissionEvent, traceparentOf } from '../../event/event.ts';
import type { openPublisher } from '../../publish/publish.ts';
import { reasonOf, type Log } from '../../runtime/log.ts';
import type { fieldChecker, FieldError, FormSchema } from '../../form-schema/form-schema.ts';
import type { MailAttributes } from '../../form-schema/mail-texts.ts';
import { HttpError, httpErrorOf, type HttpAnswer, type HttpRequest } from '../../serve/http.ts';
import { isAllowed } from '../access.ts';
import { html, problem, wantsHtml } from '../answers.ts';
import { sheetOf, type FormEnv } from '../form-env.ts';
import { formPage, honeypot, tokenField } from '../page/page.ts';
import { parseBody } from './parse-body.ts';
import { keyedId, newId } from './submission-id.ts';

const unavailable = 'The submission could not be stored right now. Nothing is lost: please send it again.';

interface SubmitOptions {
  request: HttpRequest;
  name: string;
  schema: FormSchema;
  check: ReturnType<typeof fieldChecker>;
  dataschema: string;
  mail: MailAttributes;
  env: FormEnv;
  log: Log;
  publish: ReturnType<typeof openPublisher>['publish'];
}

/** Takes one submission: parses and checks it, publishes its event, and answers when the log has acknowledged the event. */
export async function submitTo({
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
  const parsed = parseBody(request.headers, request.body, { plain: isAllowed(request.headers, env) });
  const body = parsed instanceof Promise ? await parsed : parsed;
  const { data, errors } = check(body, wantsHtml(request) ? 'person' : 'program');
  const page = (status: number, shown: { errors?: FieldError[]; notice?: string }) =>
    html(status, formPage({ name, schema, typed: body, ...shown }));
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
    body: JSON.stringify({ id, form: name, receivedAt: event.time }),
  };
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

/** A program may fill in the honeypot twice, or send a list. */
function isFilled(value: unknown): boolean {
  return Array.isArray(value) ? value.some(isFilled) : (value ?? '') !== '';
}
