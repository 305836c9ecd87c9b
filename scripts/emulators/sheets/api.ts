import * as v from 'valibot';
import { batchUpdate } from './requests/batch-update.ts';
import { listMetadata, matches } from './requests/developer-metadata.ts';
import { applyMask, asksFor, parseMask, type Shape } from './grid/fields.ts';
import { badField, GoogleError, notFound } from './grid/google-error.ts';
import type { Quota, QuotaMetric } from './quota.ts';
import { parseBody } from './schemas/parse-body.ts';
import { SearchMetadata } from './schemas/requests.ts';
import { getSpreadsheet } from './grid/sheet.ts';
import {
  BATCH_SHAPE,
  createSpreadsheet,
  METADATA_SHAPE,
  readSpreadsheet,
  SPREADSHEET_SHAPE,
} from './spreadsheet.ts';
import type { Store } from './grid/store.ts';
import { guessed, seen } from './grid/texts.ts';
import { readValues } from './values.ts';

export interface ApiRequest {
  method: string;
  url: URL;
  /** The `authorization` header: the user, for the quotas. A request without one is served. */
  authorization: string | undefined;
  body: Buffer;
}

export interface ApiAnswer {
  status: number;
  body: object;
}

/** Answers one call of the Sheets API v4, refusals included. @throws what is no refusal but a fault of the emulator */
export function answerApi(store: Store, quota: Quota, request: ApiRequest): ApiAnswer {
  try {
    return { status: 200, body: call(store, quota, request) };
  } catch (error) {
    if (!(error instanceof GoogleError)) throw error;
    return { status: error.code, body: error.body() };
  }
}

interface Call {
  store: Store;
  /** What the path names: the spreadsheet, then the metadata id or the range. */
  names: string[];
  query: Query;
  body: unknown;
}

interface Route {
  method: 'GET' | 'POST';
  path: RegExp;
  metric: QuotaMetric;
  /** Query parameters beyond those that every call knows. */
  parameters: (keyof Query)[];
  shape: Shape;
  run(call: Call): object;
}

const Flag = v.pipe(
  v.picklist(['true', 'false']),
  v.transform((text) => text === 'true'),
);

const Query = v.object({
  fields: v.optional(v.string()),
  quotaUser: v.optional(v.string()),
  ranges: v.optional(v.array(v.string()), []),
  includeGridData: v.optional(Flag, 'false'),
  majorDimension: v.optional(v.picklist(['ROWS', 'COLUMNS']), 'ROWS'),
  valueRenderOption: v.optional(
    v.picklist(['FORMATTED_VALUE', 'UNFORMATTED_VALUE', 'FORMULA']),
    'FORMATTED_VALUE',
  ),
});
type Query = v.InferOutput<typeof Query>;

const COMMON_PARAMETERS = ['fields', 'quotaUser', 'alt', 'prettyPrint', 'key', 'access_token', '$.xgafv'];

const ROUTES: Route[] = [
  {
    method: 'POST',
    path: /^\/v4\/spreadsheets$/,
    metric: 'write',
    parameters: [],
    shape: SPREADSHEET_SHAPE,
    run({ store, body }) {
      const id = createSpreadsheet(store, body);
      return readSpreadsheet(store.sql, id, { mask: 'all', ranges: [], gridData: false });
    },
  },
  {
    method: 'GET',
    path: /^\/v4\/spreadsheets\/([^/:]+)$/,
    metric: 'read',
    parameters: ['ranges', 'includeGridData'],
    shape: SPREADSHEET_SHAPE,
    run({ store, names: [id = ''], query }) {
      const mask = query.fields === undefined ? 'all' : parseMask(query.fields, SPREADSHEET_SHAPE);
      // With a mask Google ignores includeGridData: the mask alone says whether cells are wanted.
      const gridData = query.fields === undefined ? query.includeGridData : asksFor(mask, 'sheets', 'data');
      return readSpreadsheet(store.sql, id, { mask, ranges: query.ranges, gridData });
    },
  },
  {
    method: 'POST',
    path: /^\/v4\/spreadsheets\/([^/:]+):batchUpdate$/,
    metric: 'write',
    parameters: [],
    shape: BATCH_SHAPE,
    run: ({ store, names: [id = ''], body }) => batchUpdate(store, id, body),
  },
  {
    method: 'GET',
    path: /^\/v4\/spreadsheets\/([^/:]+)\/developerMetadata\/(\d+)$/,
    metric: 'read',
    parameters: [],
    shape: METADATA_SHAPE,
    run({ store, names: [id = '', metadataId] }) {
      getSpreadsheet(store.sql, id);
      const found = listMetadata(store.sql, id).find((one) => one.metadataId === Number(metadataId));
      if (!found) throw notFound();
      return found;
    },
  },
  {
    method: 'POST',
    path: /^\/v4\/spreadsheets\/([^/:]+)\/developerMetadata:search$/,
    metric: 'read',
    parameters: [],
    shape: { matchedDeveloperMetadata: { developerMetadata: METADATA_SHAPE } },
    run({ store, names: [id = ''], body }) {
      getSpreadsheet(store.sql, id);
      const { dataFilters } = parseBody(SearchMetadata, body);
      const matchedDeveloperMetadata = listMetadata(store.sql, id)
        .filter((metadata) => dataFilters.some((filter) => matches(metadata, filter)))
        .map((developerMetadata) => ({ developerMetadata }));
      return matchedDeveloperMetadata.length > 0 ? { matchedDeveloperMetadata } : {};
    },
  },
  {
    method: 'GET',
    path: /^\/v4\/spreadsheets\/([^/:]+)\/values\/([^/]+)$/,
    metric: 'read',
    parameters: ['majorDimension', 'valueRenderOption'],
    shape: { range: {}, majorDimension: {}, values: {} },
    run: ({ store, names: [id = '', range = ''], query }) => readValues(store.sql, id, range, query),
  },
];

function call(store: Store, quota: Quota, { method, url, authorization, body }: ApiRequest): object {
  for (const route of ROUTES) {
    const match = route.method === method && route.path.exec(url.pathname);
    if (!match) continue;
    const query = parseQuery(url.searchParams, route);
    quota(route.metric, query.quotaUser ?? authorization ?? 'nobody');
    const result = route.run({
      store,
      names: match.slice(1).map(decode),
      query,
      body: method === 'POST' ? parseJson(body) : undefined,
    });
    return query.fields === undefined ? result : masked(result, query.fields, route.shape);
  }
  throw notFound(guessed.noMethod);
}

function masked(result: object, fields: string, shape: Shape): object {
  return Object(applyMask(result, parseMask(fields, shape)));
}

function parseQuery(parameters: URLSearchParams, route: Route): Query {
  const given: Record<string, string | string[] | null> = {};
  for (const name of new Set(parameters.keys())) {
    if (!COMMON_PARAMETERS.includes(name) && !route.parameters.some((known) => known === name)) {
      throw badField('', seen.unknownParameter(name));
    }
    given[name] = name === 'ranges' ? parameters.getAll(name) : parameters.get(name);
  }
  const result = v.safeParse(Query, given);
  if (result.success) return result.output;
  const [{ message, path }] = result.issues;
  const name = String(path?.[0].key);
  throw badField(name, guessed.invalidValue(name, message));
}

function parseJson(body: Buffer): unknown {
  try {
    return body.length === 0 ? {} : JSON.parse(body.toString());
  } catch (error) {
    throw badField('', guessed.unreadableJson(error instanceof Error ? error.message : String(error)));
  }
}

function decode(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    throw notFound();
  }
}
