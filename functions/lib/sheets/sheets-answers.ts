import * as v from 'valibot';

/*
 * The parts of Google's answers that Formbus reads. An answer that lacks any of them is not Google's, but perhaps a proxy's login page with
 * status 200: then it is unknown whether the call was carried out.
 */

const Metadata = v.object({
  metadataId: v.number(),
  metadataKey: v.string(),
  metadataValue: v.optional(v.string(), ''),
});
export type Metadata = v.InferOutput<typeof Metadata>;
const MetadataList = v.optional(v.array(Metadata), []);

const Tab = v.object({
  properties: v.object({
    sheetId: v.optional(v.number(), 0),
    title: v.string(),
    gridProperties: v.optional(
      v.object({ rowCount: v.optional(v.number(), 0), columnCount: v.optional(v.number(), 0) }),
      {},
    ),
  }),
  developerMetadata: MetadataList,
  data: v.optional(
    v.array(
      v.object({ columnMetadata: v.optional(v.array(v.object({ developerMetadata: MetadataList })), []) }),
    ),
    [],
  ),
});
export type Tab = v.InferOutput<typeof Tab>;

const fieldsOfMetadata = 'developerMetadata(metadataId,metadataKey,metadataValue)';

/** The field masks that ask for them; the spreadsheet's id proves what the answer is about. */
export const layoutFields =
  `spreadsheetId,sheets(properties(sheetId,title,gridProperties(rowCount,columnCount)),${fieldsOfMetadata},` +
  `data(columnMetadata(${fieldsOfMetadata})))`;
export const metadataFields = `spreadsheetId,${fieldsOfMetadata}`;

/** A spreadsheet has at least one tab. */
export const layoutAnswer = (spreadsheetId: string) =>
  v.object({ spreadsheetId: v.literal(spreadsheetId), sheets: v.pipe(v.array(Tab), v.minLength(1)) });

export const metadataAnswer = (spreadsheetId: string) =>
  v.object({ spreadsheetId: v.literal(spreadsheetId), developerMetadata: MetadataList });

export const tokenAnswer = (metadataId: number) =>
  v.object({ ...Metadata.entries, metadataId: v.literal(metadataId) });

/** Google replies to each request, some with nothing. */
export const batchAnswer = (spreadsheetId: string, requests: number) =>
  v.object({
    spreadsheetId: v.literal(spreadsheetId),
    replies: v.pipe(v.array(v.looseObject({})), v.length(requests)),
  });

export const columnsAnswer = v.object({
  range: v.string(),
  majorDimension: v.literal('COLUMNS'),
  values: v.optional(v.array(v.array(v.union([v.string(), v.number(), v.boolean()]))), []),
});

/** The parts of the client's errors that Formbus reads; `config.url` is the address it called. */
const Failure = v.object({
  message: v.string(),
  status: v.optional(v.number()),
  config: v.optional(v.object({ url: v.union([v.string(), v.instance(URL)]) })),
  response: v.optional(v.object({ data: v.unknown() })),
});

/** https://google.aip.dev/193#http11json-representation */
const Refusal = v.object({ error: v.object({ code: v.number() }) });

export interface FailedCall {
  /** The status of the answer, whoever sent it. */
  answered: number | undefined;
  /** The same if the Sheets API itself certainly sent it; undefined when it is unknown whether the call was carried out. */
  status: number | undefined;
  reason: string;
}

/** @param root of the API: errors of the login come from another root, and their statuses mean something else */
export function failureOf(cause: unknown, root: string): FailedCall {
  const { success, output: failure } = v.safeParse(Failure, cause);
  if (!success) return { answered: undefined, status: undefined, reason: String(cause) };
  const { message, status: answered, config, response } = failure;
  if (answered === undefined) return { answered, status: undefined, reason: `no answer, ${message}` };
  if (config && new URL(config.url).origin !== new URL(root).origin)
    return { answered, status: undefined, reason: `the login failed: ${answered}, ${message}` };
  const refusal = v.safeParse(Refusal, response?.data);
  // Google's front end refuses a request that is too large with a page.
  const isGoogles = answered === 413 || (refusal.success && refusal.output.error.code === answered);
  if (!isGoogles) return { answered, status: undefined, reason: `${answered}, but not from Google` };
  return { answered, status: answered, reason: `${answered}, ${message}` };
}
