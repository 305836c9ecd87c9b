import { parseArgs } from 'node:util';
import { command } from '../cli/command.ts';
import { openSheets } from '../../functions/lib/sheets/sheets.ts';
import type { ReadSheets } from '../../functions/lib/sheets/standing.ts';
import { refuseUnknownForm } from '../tools/client/forms.ts';
import { addressOf, connectionsOf, placeHelp, placeOptions } from '../tools/client/running.ts';
import { openAuditedBuffer, type AuditedBuffer } from '../tools/audit/buffer.ts';
import { openFormbus, type Formbus } from '../tools/audit/formbus.ts';
import { openAuditedArchive, readArchive, type AuditedArchive } from '../tools/audit/archive.ts';
import { look } from '../tools/audit/look.ts';
import { printRepaired, printReport } from '../tools/audit/print.ts';
import { waitForQuota } from '../tools/audit/quota.ts';
import {
  countUnlogged,
  idIn,
  keyOf,
  reconcile,
  settle,
  submissionOf,
  type AuditReport,
  type LoggedRow,
} from '../tools/audit/reconcile.ts';
import { repair } from '../tools/audit/repair.ts';
import { counted } from '../tools/client/counted.ts';

const help = `Compares what was accepted with what stands in the sheets and in the archive, id by id.

  npm run audit -- [--form F] [--repair] [--json]

  --form F    only this form
  --repair    puts missing rows back through the buffer; they stand in the sheet after the next flush. A row that Google refused is
              sent again when you have deleted its mark in the sheet. What the archive lacks is delivered to it again. What was
              forgotten stays so.
              It may run at any time and more than once. A doubled row is left for you to delete.
  --json      print the report as JSON, with all ids
${placeHelp(12)}
Exit code 1 when a submission is missing or doubled (after the repair, with --repair). One that waits in the Broker or in the
buffer is neither. Exit code 2 when not all of it could be checked.
`;

interface Parts {
  archive: AuditedArchive;
  formbus: Formbus;
  buffer: AuditedBuffer;
  sheets: ReadSheets;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      form: { type: 'string' },
      ...placeOptions,
      repair: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  const url = addressOf(values);
  const formbus = openFormbus(url);
  const { redis, sheets: root } = await connectionsOf(url);
  const buffer = await openAuditedBuffer(redis);
  const archive = openAuditedArchive(url);
  try {
    const sheets = waitForQuota(openSheets({ SHEETS_URL: root ?? undefined }), { say });
    const parts = { formbus, buffer, archive, sheets };
    let { report, log } = await audit(values.form, parts);
    const lacking = [...report.missing, ...report.refused.filter(({ hasMark }) => !hasMark)];
    const unarchived = 'missing' in report.archive ? report.archive.missing : [];
    const isNeeded = values.repair && lacking.length + unarchived.length > 0;
    const repaired = isNeeded
      ? { ...(await repair(lacking, log, parts)), archived: unarchived.length }
      : undefined;
    // The archive takes an id once, however often it comes.
    if (repaired) await formbus.redeliver(unarchived.map((row) => ({ ...row, trigger: 'archive' })));
    if (repaired) ({ report } = await audit(values.form, parts));
    if (values.json) console.log(JSON.stringify(repaired ? { ...report, repaired } : report, null, 2));
    else {
      if (repaired) printRepaired(repaired);
      printReport(report);
    }
    const { archive: archived } = report;
    if (report.unreadable.length > 0 || 'unreadable' in archived) process.exitCode = 2;
    const absent = report.missing.length + ('missing' in archived ? archived.missing.length : 0);
    if (absent + report.doubled.length > 0) process.exitCode = 1;
  } finally {
    buffer.close();
    await archive.close();
  }
}

const say = (line: string) => void process.stderr.write(`${line}\n`);

async function audit(
  form: string | undefined,
  { formbus, archive, ...parts }: Parts,
): Promise<{ report: AuditReport; log: LoggedRow[] }> {
  say('reading the log');
  const log = await formbus.rows();
  const chosen = form === undefined ? log : log.filter((row) => row.form === form);
  if (form !== undefined && chosen.length === 0) {
    // The log forgets after some days, and the archive does not.
    const archived = await archive.forms().catch(() => []);
    refuseUnknownForm(form, [...log.map((row) => row.form), ...archived]);
  }
  if (chosen.length === 0) say(`the log has no submission${form === undefined ? '' : ` of ${form}`}`);
  const places = chosen.filter(({ tab }) => tab !== '').map(({ spreadsheetId }) => spreadsheetId);
  const others = form === undefined ? await parts.buffer.spreadsheets() : [];
  const spreadsheets = [...new Set([...places, ...others])];
  say(`reading the buffer and ${counted(spreadsheets.length, 'spreadsheet')}`);
  let found = await look(spreadsheets, parts);
  let report = await judge();
  if (report.missing.length + report.doubled.length > 0) {
    say('looking again at what is missing or doubled');
    found = settle(found, await look(spreadsheets, parts));
    report = await judge();
  }
  // What was accepted after the log was read may stand in a sheet by now.
  const newer = await formbus.rows(log.at(-1)?.seq);
  const tabs = new Set(chosen.map(({ spreadsheetId, tab }) => `${spreadsheetId}/${tab}`));
  const logged = new Set([...log, ...newer].map(keyOf));
  const strangers = [...found.inSheet.keys()].filter((key) => !logged.has(key));
  say('reading the archive');
  const archived = await readArchive(
    chosen,
    strangers.map((key) => submissionOf(idIn(key))),
    archive,
  );
  for (const key of strangers) if (archived.known.has(submissionOf(idIn(key)))) logged.add(key);
  const unlogged = countUnlogged(found, logged).filter(({ sheet }) => form === undefined || tabs.has(sheet));
  return { report: { ...report, unlogged, archive: archived.report }, log };

  async function judge() {
    // Read last: what is forgotten meanwhile goes out of the buffer and the sheet after that was noted.
    const forgotten = await parts.buffer.forgotten();
    const { missing } = reconcile(chosen, found, forgotten);
    // A Redis that lost its state knows nothing of it; the archive does.
    const known = await archive.known(missing.map(({ id }) => submissionOf(id))).catch(() => []);
    for (const [id, { isForgotten }] of known) if (isForgotten) forgotten.add(id);
    return reconcile(chosen, found, forgotten);
  }
}

command(help, main);
