import { parseArgs } from 'node:util';
import { command } from '../cli/command.ts';
import { openSheets } from '../../functions/lib/sheets/sheets.ts';
import type { ReadSheets } from '../../functions/lib/sheets/standing.ts';
import { refuseUnknownForm } from '../tools/client/forms.ts';
import { addressOf, connectionsOf, placeHelp, placeOptions } from '../tools/client/running.ts';
import { openAuditedBuffer, type AuditedBuffer } from '../tools/audit/buffer.ts';
import { openFormbus, type Formbus } from '../tools/audit/formbus.ts';
import { openAuditedArchive, readArchive, type AuditedArchive } from '../tools/audit/compare-with-archive.ts';
import { look, lookUntilSure } from '../tools/audit/look.ts';
import { printRepaired, printReport } from '../tools/audit/print.ts';
import { waitForQuota } from '../tools/audit/quota.ts';
import { countUnlogged, reconcile, submissionOf } from '../tools/audit/compare-with-sheet.ts';
import { keyOf, rowIn, type AuditReport, type Found, type LoggedRow } from '../tools/audit/report.ts';
import { repair } from '../tools/audit/repair.ts';
import { counted } from '../tools/client/counted.ts';

const help = `Compares what was accepted with what stands in the sheets and in the archive, id by id.

  npm run audit -- [--form F] [--repair] [--json]

  --form F    only this form
  --repair    puts lost rows back through the buffer; they stand in the sheet after the next flush. A row that Google refused is
              sent again when you have deleted its mark in the sheet. What the archive lacks is delivered to it again. What was
              forgotten stays so.
              It may run at any time and more than once. A duplicated row is left for you to delete.
  --json      print the report as JSON, with all ids
${placeHelp(12)}
Exit code 1 when a submission is lost or duplicated (after the repair, with --repair). A submission that waits in the Broker
or in the buffer is neither. Exit code 2 when not all of it could be checked.
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
    const lacking = [...report.lost, ...report.refused.filter(({ hasMark }) => !hasMark)];
    const unarchived = 'lost' in report.archive ? report.archive.lost : [];
    const isNeeded = values.repair && lacking.length + unarchived.length > 0;
    const repaired = isNeeded
      ? { ...(await repair(lacking, log, parts)), archived: unarchived.length }
      : undefined;
    // However often an id comes, the archive keeps it once.
    if (repaired) await formbus.redeliver(unarchived.map((row) => ({ ...row, trigger: 'archive' })));
    if (repaired) ({ report } = await audit(values.form, parts));
    if (values.json) console.log(JSON.stringify(repaired ? { ...report, repaired } : report, null, 2));
    else {
      if (repaired) printRepaired(repaired);
      printReport(report);
    }
    const { archive: archived } = report;
    if (report.unreadable.length > 0 || 'unreadable' in archived) process.exitCode = 2;
    const absent = report.lost.length + ('lost' in archived ? archived.lost.length : 0);
    if (absent + report.duplicated.length > 0) process.exitCode = 1;
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
    // The log keeps an event for some days, the archive for good.
    const archived = await archive.forms().catch(() => []);
    refuseUnknownForm(form, [...log.map((row) => row.form), ...archived]);
  }
  if (chosen.length === 0) say(`the log has no submission${form === undefined ? '' : ` of ${form}`}`);
  const places = chosen.filter(({ tab }) => tab !== '').map(({ spreadsheetId }) => spreadsheetId);
  const others = form === undefined ? await parts.buffer.spreadsheets() : [];
  const spreadsheets = [...new Set([...places, ...others])];
  say(`reading the buffer and ${counted(spreadsheets.length, 'spreadsheet')}`);
  const { found, judgement: report } = await lookUntilSure(
    () => look(spreadsheets, parts),
    judge,
    () => say('looking again at what seems lost or duplicated'),
  );
  // What was accepted after the log was read may stand in a sheet by now.
  const newer = await formbus.rows(log.at(-1)?.seq);
  const tabs = new Set(chosen.map(({ spreadsheetId, tab }) => `${spreadsheetId}/${tab}`));
  const logged = new Set([...log, ...newer].map(keyOf));
  const strangers = [...found.inSheet.keys()].filter((key) => !logged.has(key));
  say('reading the archive');
  const archived = await readArchive(
    chosen,
    strangers.map((key) => submissionOf(rowIn(key).id)),
    archive,
  );
  for (const key of strangers) if (archived.known.has(submissionOf(rowIn(key).id))) logged.add(key);
  const unlogged = countUnlogged(found, logged).filter(({ sheet }) => form === undefined || tabs.has(sheet));
  return { report: { ...report, unlogged, archive: archived.report }, log };

  async function judge(found: Found) {
    // Read last: what is forgotten meanwhile leaves the buffer and the sheet only after this note of it.
    const forgotten = await parts.buffer.forgotten();
    const { lost } = reconcile(chosen, found, forgotten);
    // A Redis that lost its state does not know it; the archive does.
    const known = await archive.known(lost.map(({ id }) => submissionOf(id))).catch(() => []);
    for (const [id, { isForgotten }] of known) if (isForgotten) forgotten.add(id);
    return reconcile(chosen, found, forgotten);
  }
}

command(help, main);
