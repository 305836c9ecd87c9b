import { parseArgs } from 'node:util';
import { collect } from './audit/collect.ts';
import { reconcile, type AuditReport, type LoggedRow } from './audit/reconcile.ts';

const help = `Compares what was accepted with what stands in the sheets, id by id.

  npm run audit -- [--form F] [--url URL] [--json]

  --form F    only this form
  --url URL   where Formbus runs (default http://127.0.0.1:8080)
  --json      print the report as JSON, with all ids

Exit code 1 when a submission is missing or doubled. One that waits in the Broker or in the buffer is neither.
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      form: { type: 'string' },
      url: { type: 'string', default: 'http://127.0.0.1:8080' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return void process.stdout.write(help);
  const say = (line: string) => void process.stderr.write(`${line}\n`);
  const { log, found } = await collect(values.url.replace(/\/$/, ''), say);
  const chosen = log.filter(({ form }) => values.form === undefined || form === values.form);
  if (chosen.length === 0)
    say(`the log has no submission${values.form === undefined ? '' : ` of ${values.form}`}`);
  const report = reconcile(chosen, found);
  if (values.json) console.log(JSON.stringify(report, null, 2));
  else print(report);
  if (report.missing.length + report.doubled.length > 0) process.exitCode = 1;
}

function print({ tabs, missing, doubled, parked }: AuditReport): void {
  console.table(tabs);
  for (const { spreadsheetId, reason, since } of parked) {
    const when = since === undefined ? 'now' : `since ${new Date(since).toISOString()}`;
    console.log(`${spreadsheetId} can't be used, ${when}: ${reason}`);
  }
  list('missing', missing);
  list('doubled', doubled);
  if (missing.length + doubled.length === 0) console.log('Nothing is missing, nothing is doubled.');
}

function list(what: string, rows: LoggedRow[]): void {
  for (const { id, spreadsheetId, tab } of rows.slice(0, 20))
    console.log(`${what}: ${id} in ${spreadsheetId}/${tab}`);
  if (rows.length > 20) console.log(`${what}: ${rows.length - 20} more; --json lists them`);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : 'failed');
  process.exitCode = 2;
});
