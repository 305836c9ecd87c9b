import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { command } from '../cli/command.ts';
import { connectArchive, isNotMadeYet } from '../tools/client/database.ts';
import { addressOf, placeHelp, placeOptions } from '../tools/client/running.ts';
import { parseTimes } from '../tools/client/time.ts';
import { exportTo, formats, type Format } from '../tools/export/run.ts';
import { counted } from '../tools/client/counted.ts';

const help = `Writes a form's submissions from the archive, oldest first. Forgotten ones are no longer there.

  npm run export -- --form F --format csv|jsonl [--separator S] [--no-bom] [--from TIME] [--to TIME] [--out FILE]

  --form F       the form; includes suspected submissions, see the column type
  --format X     csv: one column for each field, later fields at the right. What a spreadsheet would read as a formula begins with ',
                 except numbers. It begins with a byte-order mark, as Excel needs it
                 jsonl: one JSON object a line, texts unchanged
  --separator S  between two cells of csv: , (default), ; for an Excel whose decimal point is a comma, or tab
  --no-bom       csv without a byte-order mark, for other programs
  --from TIME    received since then: 2026-01-31T12:00:00Z, or 30m, 12h, 2d ago (default: all)
  --to TIME      received before then (default: now)
  --out FILE     the file (default: standard output); it appears when it is complete
${placeHelp(15)}
With DATABASE_URL in the environment it reads that database, and needs no running Formbus.
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      form: { type: 'string' },
      format: { type: 'string' },
      from: { type: 'string' },
      to: { type: 'string' },
      out: { type: 'string' },
      separator: { type: 'string', default: ',' },
      'no-bom': { type: 'boolean', default: false },
      ...placeOptions,
    },
  });
  const { form, format, out } = values;
  if (form === undefined || format === undefined)
    throw new Error('say which and how: --form F --format csv|jsonl; see --help');
  if (!isFormat(format)) throw new Error(`--format is ${formats.join(' or ')}, not ${format}`);
  const separator = separators[values.separator];
  if (separator === undefined)
    throw new Error(`--separator is one of ${Object.keys(separators).join(' ')}, not ${values.separator}`);
  const { from, to } = parseTimes(values);
  const choice = { form, from: new Date(from), to: new Date(to) };

  const archive = await connectArchive(() => addressOf(values));
  const part = `${out}.part`;
  try {
    const sink = out === undefined ? process.stdout : createWriteStream(part);
    // Nobody listens for its errors before the first row comes.
    if (out !== undefined) await once(sink, 'open');
    const count = await exportTo(sink, { archive, choice, format, separator, bom: !values['no-bom'], say });
    if (out !== undefined) await rename(part, out);
    say(`${counted(count, 'submission')} of ${form}${out === undefined ? '' : ` in ${out}`}`);
  } catch (error) {
    if (out !== undefined) await rm(part, { force: true });
    if (isNotMadeYet(error)) throw new Error('the archive has no submission yet', { cause: error });
    // Whoever reads our output has enough, as head does.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPIPE')) throw error;
  } finally {
    await archive.close();
  }
}

const separators: Record<string, string> = { ',': ',', ';': ';', tab: '\t' };

const say = (line: string) => void process.stderr.write(`${line}\n`);
const isFormat = (text: string): text is Format => formats.some((format) => format === text);

command(help, main);
