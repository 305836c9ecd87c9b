import { type Forgotten, Refused, type Submission } from 'formbus';
import { groupCommit } from '../../lib/runtime/group-commit.ts';
import {
  codeOf,
  isValuesFault,
  unavailable,
  undefinedTable,
  type Database,
  type Query,
} from '../../lib/stores/postgres.ts';
import { migrate } from './schema.ts';

export interface Archive {
  /** Keeps a submission; false when its id is known, or forgotten. @throws Unavailable, or Refused when it can never be stored */
  keep(submission: Submission): Promise<boolean>;
  /** Replaces a submission with a mark, which also keeps out one that has not come yet. @throws Unavailable */
  forget(forgotten: Forgotten): Promise<void>;
}

const columns = 'id, type, form, received_at, sheet, dataschema, fields, data';
/**
 * All rows in one value: one statement to prepare, whatever their number, and one text to escape. With a value for each column of each
 * row, PostgreSQL and this process take a third more time.
 */
const insertStatement = `
  INSERT INTO submissions (${columns})
  SELECT ${columns} FROM json_to_recordset($1) AS row (id text, type text, form text, received_at timestamptz, sheet text,
    dataschema text, fields jsonb, data jsonb)
  ON CONFLICT (id) DO NOTHING RETURNING id`;

interface Row {
  id: string;
  type: string;
  form: string;
  received_at: string;
  sheet: string;
  dataschema: string;
  /** The order of the fields, which jsonb loses. */
  fields: string[];
  data: Submission['data'];
}

/**
 * The archive in a database. Submissions that arrive during an INSERT go together in the next one.
 * @param onVersion called with the version of the tables when this instance has made sure of them
 */
export function openArchive(
  { query }: Pick<Database, 'query'>,
  onVersion: (version: number) => void = () => {},
): Archive {
  let migrated: Promise<void> | undefined;

  const run: Query = async (...statement) => {
    await (migrated ??= migrate(query).then(onVersion)).catch((error: unknown) => {
      migrated = undefined;
      throw unavailable(error);
    });
    try {
      return await query(...statement);
    } catch (error) {
      // The database was replaced, as after a disaster: the next try creates the tables.
      if (codeOf(error) === undefinedTable) migrated = undefined;
      throw error;
    }
  };

  async function insert(rows: Row[]): Promise<boolean[]> {
    // Instances that insert the same ids in different orders would deadlock.
    const sorted = rows.toSorted((a, b) => (a.id < b.id ? -1 : 1));
    const { rows: stored } = await run(insertStatement, [JSON.stringify(sorted)], 'archive-1');
    const isNew = new Set(stored.map(({ id }) => id));
    // The same id twice in one INSERT is new once.
    return rows.map(({ id }) => isNew.delete(id));
  }

  /** A row that the database cannot store fails alone. */
  async function keepAll(rows: Row[]): Promise<(boolean | Refused)[]> {
    try {
      return await insert(rows);
    } catch (error) {
      if (!isValuesFault(error)) throw unavailable(error);
      if (rows.length === 1) return [new Refused('The archive cannot store this.', { cause: error })];
    }
    const results: (boolean | Refused)[] = [];
    for (const row of rows) results.push(...(await keepAll([row])));
    return results;
  }
  const keepTogether = groupCommit(keepAll, { max: 200 });

  return {
    async keep(submission) {
      const result = await keepTogether(rowOf(submission));
      if (result instanceof Refused) throw result;
      return result;
    },
    async forget({ data: { id }, form, time, sheet }) {
      await run(forgetStatement, [id, form, new Date(time).toISOString(), sheet]).catch((error: unknown) => {
        throw isValuesFault(error) ? error : unavailable(error);
      });
    },
  };
}

/** A forgotten submission's row has no data. Its id stays, so that the submission is not new when it comes again. */
const forgetStatement = `
  INSERT INTO submissions (id, type, form, received_at, sheet, dataschema, fields, data)
  VALUES ($1, 'form.forgotten', $2, $3, $4, '', '[]', NULL)
  ON CONFLICT (id) DO UPDATE SET type = EXCLUDED.type, received_at = EXCLUDED.received_at, dataschema = '', fields = '[]', data = NULL
  WHERE submissions.data IS NOT NULL`;

function rowOf({ id, type, form, time, sheet, dataschema, data }: Submission): Row {
  if (!id.isWellFormed()) throw new Refused('The id contains half of a surrogate pair.');
  const stored = storable(data);
  return {
    id,
    type: storableText(type),
    form: storableText(form),
    received_at: new Date(time).toISOString(),
    sheet: storableText(sheet),
    dataschema: storableText(typeof dataschema === 'string' ? dataschema : ''),
    fields: Object.keys(stored),
    data: stored,
  };
}

/** Replaces what PostgreSQL cannot store in a text, and no person writes, with U+FFFD: U+0000 and halves of surrogate pairs. */
function storableText(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD');
}

function storable(data: Submission['data']): Submission['data'] {
  const text = <T>(value: T) => (typeof value === 'string' ? storableText(value) : value);
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [
      storableText(key),
      Array.isArray(value) ? value.map(text) : text(value),
    ]),
  );
}
