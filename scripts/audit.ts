import { parseArgs } from 'node:util';
import { openSheets } from '../functions/lib/sheets.ts';
import { openAuditedBuffer, type AuditedBuffer } from './audit/buffer.ts';
import { openFormbus, type Formbus } from './audit/formbus.ts';
import { look } from './audit/look.ts';
import { printRepaired, printReport } from './audit/print.ts';
import { waitForQuota, type ReadSheets } from './audit/quota.ts';
import {
  countUnlogged,
  keyOf,
  reconcile,
  settle,
  type AuditReport,
  type LoggedRow,
} from './audit/reconcile.ts';
import { repair } from './audit/repair.ts';

const help = `Compares what was accepted with what stands in the sheets, id by id.

  npm run audit -- [--form F] [--url URL] [--repair] [--json]

  --form F    only this form
  --url URL   where Formbus runs, on this machine (default http://127.0.0.1:8080)
  --repair    puts missing rows back through the buffer; they stand in the sheet after the next flush.
              It may run at any time and more than once. A doubled row is left for you to delete.
  --json      print the report as JSON, with all ids

Exit code 1 when a submission is missing or doubled (after the repair, with --repair). One that waits in the Broker or in the
buffer is neither. Exit code 2 when not all of it could be checked.
`;

interface Parts {
  formbus: Formbus;
  buffer: AuditedBuffer;
  sheets: ReadSheets;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      form: { type: 'string' },
      url: { type: 'string', default: 'http://127.0.0.1:8080' },
      repair: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return void process.stdout.write(help);
  const formbus = await openFormbus(values.url.replace(/\/$/, ''));
  const { redis, sheets: root } = formbus.connections;
  const buffer = await openAuditedBuffer(redis);
  try {
    const sheets = waitForQuota(openSheets({ SHEETS_URL: root ?? undefined }), { say });
    const parts = { formbus, buffer, sheets };
    let { report, log } = await audit(values.form, parts);
    const { missing } = report;
    const repaired = values.repair && missing.length > 0 ? await repair(missing, log, parts) : undefined;
    if (repaired) ({ report } = await audit(values.form, parts));
    if (values.json) console.log(JSON.stringify(repaired ? { ...report, repaired } : report, null, 2));
    else {
      if (repaired) printRepaired(repaired);
      printReport(report);
    }
    if (report.unreadable.length > 0) process.exitCode = 2;
    if (report.missing.length + report.doubled.length > 0) process.exitCode = 1;
  } finally {
    buffer.close();
  }
}

const say = (line: string) => void process.stderr.write(`${line}\n`);

async function audit(
  form: string | undefined,
  { formbus, ...parts }: Parts,
): Promise<{ report: AuditReport; log: LoggedRow[] }> {
  say('reading the log');
  const log = await formbus.rows();
  const chosen = form === undefined ? log : log.filter((row) => row.form === form);
  if (chosen.length === 0) say(`the log has no submission${form === undefined ? '' : ` of ${form}`}`);
  const places = chosen.filter(({ tab }) => tab !== '').map(({ spreadsheetId }) => spreadsheetId);
  const others = form === undefined ? await parts.buffer.spreadsheets() : [];
  const spreadsheets = [...new Set([...places, ...others])];
  say(`reading the buffer and ${spreadsheets.length} spreadsheets`);
  let found = await look(spreadsheets, parts);
  let report = reconcile(chosen, found);
  if (report.missing.length + report.doubled.length > 0) {
    say('looking again at what is missing or doubled');
    found = settle(found, await look(spreadsheets, parts));
    report = reconcile(chosen, found);
  }
  // What was accepted after the log was read may stand in a sheet by now.
  const newer = await formbus.rows(log.at(-1)?.seq);
  const tabs = new Set(chosen.map(({ spreadsheetId, tab }) => `${spreadsheetId}/${tab}`));
  const unlogged = countUnlogged(found, new Set([...log, ...newer].map(keyOf)));
  report.unlogged = unlogged.filter(({ sheet }) => form === undefined || tabs.has(sheet));
  return { report, log };
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : 'failed');
  process.exitCode = 2;
});
