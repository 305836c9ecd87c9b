import { dashboard } from './dashboard.ts';
import { graph, stat } from './panels.ts';

const calls = 'formbus_sheets_calls_total';
const flush = 'sum by (le) (rate(formbus_flush_seconds_bucket[5m]))';

export const sheets = dashboard({
  name: 'sheets',
  title: 'sheets',
  about: 'What is written to Google Sheets, what of its quota that takes, and what Google refuses.',
  panels: [
    stat('Rows a minute', '60 * sum(rate(formbus_flush_rows_total[5m]))', {
      good: 'Rows that are known to stand in their sheet. Good: as many as are accepted.',
    }),
    stat('Calls a minute', `60 * sum(rate(${calls}[5m]))`, {
      good: 'Google allows 60 writes and 60 reads a minute. Good: well below 60.',
      warn: 60,
      bad: 110,
    }),
    stat('429 in an hour', `sum(increase(${calls}{code="429"}[1h])) or vector(0)`, {
      good: 'Calls that Google refused because the quota was used up; the rows go with a later minute. Good: 0.',
      warn: 1,
      bad: 60,
    }),
    stat('Parked sheets', 'sum(formbus_sheet_parked) or vector(0)', {
      good: 'Spreadsheets that take nothing: deleted, not shared, full. Their rows wait in Redis. Good: 0.',
      bad: 1,
    }),
    stat('Refused rows', 'sum(formbus_refused_rows) or vector(0)', {
      good: 'Rows that Google refuses for themselves; kept in Redis. Good: 0. npm run audit names them.',
      bad: 1,
    }),
    stat('Flush, p99', `histogram_quantile(0.99, ${flush})`, {
      good: 'How long a run over all sheets takes. Good: below 20 s; no new call is made after 45 s.',
      unit: 's',
      warn: 30,
      bad: 60,
    }),
    graph(
      'Rows written',
      { '{{sheet}}': '60 * sum by (sheet) (rate(formbus_flush_rows_total[$__rate_interval]))' },
      {
        good: 'Rows a minute by spreadsheet.',
        stacked: true,
      },
    ),
    graph(
      'Calls to Google',
      { '{{method}} {{code}}': `60 * sum by (method, code) (rate(${calls}[$__rate_interval]))` },
      {
        good: 'Calls a minute by HTTP status; none = no answer came. Good: 200 only.',
        stacked: true,
      },
    ),
    graph(
      'Duration of a flush',
      { p50: `histogram_quantile(0.5, ${flush})`, p99: `histogram_quantile(0.99, ${flush})` },
      {
        good: 'Grows with the spreadsheets that have rows, for each takes a call. Good: p99 below 20 s.',
        unit: 's',
      },
    ),
    graph(
      'Parked',
      {
        '{{sheet}}: {{reason}}': 'sum by (sheet, reason) (formbus_sheet_parked{tab=""})',
        '{{sheet}}/{{tab}}: {{reason}}': 'sum by (sheet, tab, reason) (formbus_sheet_parked{tab!=""})',
      },
      {
        good: 'Good: nothing here. Share the sheet or make room in it, and the next flush takes it up again.',
      },
    ),
  ],
});
