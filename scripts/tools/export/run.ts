import { Readable, Transform, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as v from 'valibot';
import { formsIn, type Archive } from '../client/database.ts';
import { refuseUnknownForm } from '../client/forms.ts';
import { csvWriter, type CsvOptions } from '../../emulators/web/csv.ts';

export const formats = ['csv', 'jsonl'] as const;
export type Format = (typeof formats)[number];

export interface Choice {
  form: string;
  from: Date;
  /** Exclusive. */
  to: Date;
}

const Value = v.union([
  v.string(),
  v.number(),
  v.boolean(),
  v.null(),
  v.array(v.union([v.string(), v.number()])),
]);
const Row = v.object({
  id: v.string(),
  type: v.string(),
  received_at: v.date(),
  fields: v.array(v.string()),
  data: v.record(v.string(), Value),
});
type Row = v.InferOutput<typeof Row>;
const Shapes = v.array(
  v.object({ fields: v.array(v.string()), count: v.pipe(v.string(), v.transform(Number)) }),
);

const chosen =
  'FROM submissions WHERE form = $1 AND received_at >= $2 AND received_at < $3 AND data IS NOT NULL';
/** Rows in memory at once. */
const rowsAtOnce = 500;

/**
 * Writes submissions as of one moment, some at a time, and ends the sink. Returns how many.
 * @throws Error of the database or the sink, or when there is no such form
 */
export async function exportTo(
  sink: Writable,
  {
    archive,
    choice: { form, from, to },
    format,
    say,
    ...options
  }: { archive: Archive; choice: Choice; format: Format; say: (line: string) => void } & CsvOptions,
): Promise<number> {
  const values = [form, from.toISOString(), to.toISOString()];
  // One snapshot, so that the columns match all rows, whatever arrives meanwhile.
  await archive.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  const { rows } = await archive.query(
    `SELECT fields, count(*) ${chosen} GROUP BY fields ORDER BY min(received_at)`,
    values,
  );
  const shapes = v.parse(Shapes, rows);
  const total = shapes.reduce((sum, { count }) => sum + count, 0);
  if (total === 0) refuseUnknownForm(form, await formsIn(archive));
  await archive.query(
    `DECLARE found NO SCROLL CURSOR FOR SELECT id, type, received_at, fields, data ${chosen} ORDER BY received_at, id`,
    values,
  );
  let count = 0;
  let told = performance.now();
  const counted = new Transform({
    objectMode: true,
    transform(row, _, done) {
      count += 1;
      if (performance.now() - told > 1_000) {
        told = performance.now();
        say(`${count} of ${total}`);
      }
      done(null, row);
    },
  });
  await pipeline(
    Readable.from(found(archive)),
    counted,
    ...(format === 'csv'
      ? csv(
          shapes.flatMap(({ fields }) => fields),
          options,
        )
      : [jsonLines()]),
    sink,
  );
  await archive.query('COMMIT');
  return count;
}

async function* found(archive: Archive): AsyncGenerator {
  for (;;) {
    const { rows } = await archive.query(`FETCH ${rowsAtOnce} FROM found`);
    if (rows.length === 0) return;
    yield* rows;
  }
}

/** A submission's attributes come first; a field of the same name gets a prefix. */
const attributes = ['id', 'time', 'type'];

/** @param names of the fields in order of appearance; repeated names are skipped */
function csv(names: string[], options: CsvOptions): [Transform, Transform] {
  const fields = [...new Set(names)];
  const headings = fields.map((name) => (attributes.includes(name) ? `data.${name}` : name));
  const cells = new Transform({
    objectMode: true,
    transform(row: unknown, _, done) {
      const { id, type, received_at: time, data } = v.parse(Row, row);
      done(null, [id, time.toISOString(), type, ...fields.map((name) => cellOf(data[name]))]);
    },
  });
  return [cells, csvWriter({ ...options, headings: [...attributes, ...headings] })];
}

function cellOf(value: Row['data'][string] | undefined): string | number | boolean {
  return Array.isArray(value) ? value.join(', ') : (value ?? '');
}

function jsonLines(): Transform {
  return new Transform({
    writableObjectMode: true,
    transform(row: unknown, _, done) {
      const { id, type, received_at: time, fields, data } = v.parse(Row, row);
      const inOrder = Object.fromEntries(fields.map((name) => [name, data[name]]));
      done(null, `${JSON.stringify({ id, time, type, data: inOrder })}\n`);
    },
  });
}
