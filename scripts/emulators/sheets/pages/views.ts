import type { SQLTagStore } from 'node:sqlite';
import { columnName } from '../grid/a1.ts';
import { type Cell, type Cells, countRows, formatted, readRows, usedRows } from '../grid/cells.ts';
import { Html, html } from '../../web/html.ts';
import type { Page } from '../../web/page.ts';
import { listSheets, listSpreadsheets, type Sheet } from '../grid/sheet.ts';

type View = Omit<Page, 'version'>;

/** A page shows so many rows, the newest; the CSV has them all. */
const SHOWN_ROWS = 1000;
/** A page shows so many characters of a cell. */
const SHOWN_CHARACTERS = 300;

/** All spreadsheets with their tabs. `root` leads from the page to the pages' root: `''`, `./` or `../`. */
export function listView(sql: SQLTagStore): View {
  return {
    status: 200,
    kind: 'list',
    title: 'Sheets',
    header: html`<h1>Sheets</h1>
      <span id="count"></span>`,
    main: html`<main class="text" id="list" data-live>${tabLists(sql, './')}</main>`,
  };
}

/** What is said for a tab that is not there, or that several spreadsheets have. */
export function choiceView(sql: SQLTagStore, root: string, name: string, candidates: Sheet[]): View {
  const several = candidates.length > 0;
  return {
    status: several ? 300 : 404,
    kind: several ? 'several' : 'missing',
    title: name,
    header: html`<a href="${root}">All sheets</a>
      <h1>${name}</h1>
      <span id="count"></span>`,
    main: html`<main class="text" id="list" data-live>
      <p class="empty">
        ${
          several
            ? html`<strong>Several spreadsheets have a tab “${name}”.</strong> Choose one of them below.`
            : html`<strong>There is no tab “${name}” yet.</strong> A form’s tab is made when its first rows
                are flushed; this page will show it then. These are the tabs there are:`
        }
      </p>
      ${tabLists(sql, root, several ? (sheet) => candidates.some(({ key }) => key === sheet.key) : undefined)}
    </main>`,
  };
}

/** A tab as a sheet: column letters and frozen rows stay in sight, hidden columns are a toggle away. */
export function sheetView(sql: SQLTagStore, root: string, sheet: Sheet): View {
  const used = usedRows(sql, sheet);
  const count = countRows(sql, sheet);
  const first = Math.max(sheet.frozenRows, used - SHOWN_ROWS);
  const heading = [...readRows(sql, sheet, 0, sheet.frozenRows)];
  const body = [...readRows(sql, sheet, first)];
  const csv = `${encodeURIComponent(sheet.title)}.csv`;
  return {
    status: 200,
    kind: 'sheet',
    title: sheet.title,
    header: html`<a href="${root}">All sheets</a>
      <h1>${sheet.title}</h1>
      <span id="count" data-live>${rowCount(count)}</span>
      <label><input type="checkbox" id="hidden" /> Hidden columns</label>
      <a href="${csv}">CSV</a>`,
    main: html`<main tabindex="0" aria-label="Rows of ${sheet.title}">
      <div id="note" data-live>
        ${
          first > sheet.frozenRows &&
          html`<p class="note">The last ${SHOWN_ROWS.toLocaleString('en')} rows; the CSV has all of them.</p>`
        }
      </div>
      <table class="grid">
        <thead id="heading" data-live>
          <tr class="letters">
            <th class="row" aria-label="Row"></th>
            ${sheet.columns.map(
              ({ hidden }, index) =>
                html`<th scope="col" ${hidden && new Html(' class="hidden"')}>${columnName(index)}</th>`,
            )}
          </tr>
          ${heading.map(({ row, cells }) => rowView(sheet, row, cells))}
        </thead>
        <tbody id="rows" data-live>
          ${body.map(({ row, cells }) => rowView(sheet, row, cells))}
        </tbody>
      </table>
      <div id="empty" data-live>
        ${
          count === 0 &&
          html`<p class="empty">
            <strong>No rows yet</strong> Submit the form: what is accepted appears here at the next flush.
          </p>`
        }
      </div>
    </main>`,
  };
}

function rowView(sheet: Sheet, row: number, cells: Cells): Html {
  return html`<tr>
    <th class="row" scope="row">${row + 1}</th>
    ${sheet.columns.map(({ id, hidden }) => {
      const names = [hidden && 'hidden', kindOf(cells[id])].filter(Boolean).join(' ');
      return html`<td${names && html` class="${names}"`}>${shortened(formatted(cells[id]))}</td>`;
    })}
  </tr> `;
}

function kindOf(cell: Cell | undefined): string | undefined {
  if (typeof cell === 'object') return 'formula' in cell ? 'formula' : 'number';
  return typeof cell === 'number' ? 'number' : undefined;
}

function tabLists(
  sql: SQLTagStore,
  root: string,
  only: (sheet: Sheet) => boolean = (sheet) => isUsed(sql, sheet),
): Html {
  const lists = listSpreadsheets(sql).map(({ id, title }) => {
    const sheets = listSheets(sql, id).filter(only);
    if (sheets.length === 0) return '';
    return html`<h2>${title === id ? id : `${title} (${id})`}</h2>
      <table class="list">
        ${sheets.map((sheet) => {
          const address = root + tabAddress(sheet);
          return html`<tr>
            <td><a href="${address}">${sheet.title}</a></td>
            <td class="number">${rowCount(countRows(sql, sheet))}</td>
            <td class="number"><a href="${address}.csv">CSV</a></td>
          </tr>`;
        })}
      </table>`;
  });
  if (lists.length > 0) return html`${lists}`;
  return html`<p class="empty">
    <strong>No spreadsheets yet</strong> One is made at the first start or by the API.
  </p>`;
}

/** Every new spreadsheet has an empty tab that is not needed. */
function isUsed(sql: SQLTagStore, sheet: Sheet): boolean {
  return sheet.sheetId !== 0 || usedRows(sql, sheet) > 0;
}

/** `<spreadsheet>/<tab>`, percent-encoded, below the pages' root. */
export function tabAddress({ spreadsheet, title }: Sheet): string {
  return `${encodeURIComponent(spreadsheet)}/${encodeURIComponent(title)}`;
}

function rowCount(count: number): string {
  return `${count.toLocaleString('en')} ${count === 1 ? 'row' : 'rows'}`;
}

function shortened(text: string): string {
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}
