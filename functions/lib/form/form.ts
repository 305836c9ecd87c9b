import { createHash } from 'node:crypto';
import * as v from 'valibot';
import { checkAttributes } from '../event/attribute-bytes.ts';
import { openPublisher } from '../publish/publish.ts';
import { refuseColumns } from '../form-schema/column-names.ts';
import { fieldChecker, type FormSchema } from '../form-schema/form-schema.ts';
import { humanName } from '../form-schema/human-name.ts';
import { formJsonSchema } from '../form-schema/json-schema.ts';
import { mailAttributes, type MailTexts } from '../form-schema/mail-texts.ts';
import { sheetColumns, type SheetColumns } from '../form-schema/sheet-columns.ts';
import type { FunctionDefinition } from '../serve/definition.ts';
import { HttpError, type HttpAnswer, type HttpRequest } from '../serve/http.ts';
import { openedTo, methods } from './access.ts';
import { html, problem } from './answers.ts';
import { bodyLimits } from './body-limits.ts';
import { formEnv, sheetOf, type FormEnv } from './form-env.ts';
import { submissionCounter } from './form-metrics.ts';
import { formPage, thanksPage } from './page/page.ts';
import { submitTo } from './submission/submit.ts';

/**
 * A form, as `form` makes it; `submissionOf` takes it.
 *
 * @example
 * ```ts
 * export const visitorBook: FormDefinition = form('visitor-book', v.object({ name: text('Your name', { max: 100 }) }));
 * ```
 */
export interface FormDefinition<S extends FormSchema = FormSchema> extends FunctionDefinition {
  schema: S;
  title: string;
  mail: MailTexts;
  columns: SheetColumns;
}

/**
 * Makes a form's endpoint from its schema: the page, its JSON Schema, validation, and one event for each submission.
 * Field names are letters, digits, `_` and `-`, beginning with a letter; they become the columns of the sheet.
 *
 * @param name the name of its folder, file and manifest
 * @param schema `v.object({…})` of fields; in a pipe with it `v.title`, `v.description` and checks over several fields
 * @param options.mail the form's own words in the mail that confirms a submission
 * @throws Error when two columns would have the same heading, or the mail cannot be sent as the schema says
 * @example
 * ```ts
 * export const visitorBook = form(
 *   'visitor-book',
 *   v.object({ name: text('Your name', { max: 100 }), message: text('Message', { max: 2000, lines: 6 }) }),
 * );
 * ```
 */
export function form<S extends FormSchema>(
  name: string,
  schema: S,
  { mail: texts = {} }: { mail?: MailTexts } = {},
): FormDefinition<S> {
  refuseColumns(name, schema);
  const check = fieldChecker(schema);
  const jsonSchema = formJsonSchema(schema);
  const version = createHash('sha256').update(JSON.stringify(jsonSchema)).digest('hex').slice(0, 8);
  const dataschema = `urn:formbus:form:${name}:${version}`;
  const schemaJson = JSON.stringify({ ...jsonSchema, $id: dataschema }, null, 2);
  const mail = mailAttributes(name, schema, texts);

  return {
    name,
    schema,
    title: v.getTitle(schema) ?? humanName(name),
    mail: texts,
    columns: sheetColumns(schema.entries),
    env: formEnv,
    limits: bodyLimits,
    start(env: FormEnv, log) {
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

function route(
  request: HttpRequest,
  { name, schema, schemaJson, submit }: Routes,
): Promise<HttpAnswer> | HttpAnswer {
  const { method, path, query } = request;
  const reading = method === 'GET' || method === 'HEAD';
  if (path === '/') {
    if (reading) return html(200, formPage({ name, schema }));
    if (method === 'POST') return submit(request);
    if (method === 'OPTIONS') return { status: 204, headers: { allow: methods } };
    throw new HttpError(405, `${method} is not possible here.`, { headers: { allow: methods } });
  }
  if (path !== '/schema.json' && path !== '/thanks') throw new HttpError(404, 'Not found.');
  if (!reading)
    throw new HttpError(405, `${method} is not possible here.`, { headers: { allow: 'GET, HEAD' } });
  if (path === '/thanks') return html(200, thanksPage({ name, schema, id: query.get('id') ?? '' }));
  return { status: 200, headers: { 'content-type': 'application/schema+json' }, body: schemaJson };
}
