import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as v from 'valibot';

const folder = join(import.meta.dirname, 'bench');
const names = readdirSync(folder).map((file) => file.replace(/\.ts$/, ''));
const help = `Measures one thing and prints a table.

  npm run bench -- NAME [--json] [--runs N]

NAME      ${names.join(', ')}
--json    print the figures as JSON
--runs N  how often each variant is measured (default 15); variants take turns
`;

/** What a benchmark gives: a row for each variant, all from the same run of this program. */
export interface Measured {
  variant: string;
  [figure: string]: string | number;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    runs: { type: 'string', default: '15' },
    help: { type: 'boolean', default: false },
  },
});
const [name = ''] = positionals;
const file = join(folder, `${name}.ts`);
if (values.help || !names.includes(name) || !existsSync(file)) {
  process.stdout.write(help);
  process.exit(values.help ? 0 : 1);
}
const Benchmark = v.object({ measure: v.function() });
const { measure } = v.parse(Benchmark, { ...(await import(file)) });
const rows: unknown = await measure({ runs: Number(values.runs) });
if (values.json) console.log(JSON.stringify(rows, null, 2));
else console.table(rows);
