import type { IncomingMessage, ServerResponse } from 'node:http';
import { sendCsv } from './csv-download.ts';
import { sendPage } from '../../web/page.ts';
import { listSheets, listSpreadsheets, type Sheet } from '../grid/sheet.ts';
import type { Store } from '../grid/store.ts';
import { choiceView, listView, sheetView, tabAddress } from './views.ts';

/**
 * The pages for people, by what follows their root in the URL: `` lists all, `<tab>` and `<spreadsheet>/<tab>` show a
 * tab, with `.csv` they are the tab as CSV. Names are percent-encoded, so a tab's may hold anything.
 */
export async function handlePages(
  store: Store,
  req: IncomingMessage,
  res: ServerResponse,
  path: string,
): Promise<void> {
  const parts = names(path.replace(/\?.*/s, ''));
  const version = store.version();
  if (parts.length === 1 && parts[0] === '') {
    sendPage(req, res, () => ({ ...listView(store.sql), version }), version);
    return;
  }
  const tabs = listSpreadsheets(store.sql).flatMap(({ id }) => listSheets(store.sql, id));
  const asked = parts.join('/');
  // A tab may itself be called `something.csv`: its page is found when no tab `something` is.
  const name = asked.endsWith('.csv') ? asked.slice(0, -'.csv'.length) : undefined;
  const forCsv = name === undefined ? [] : find(tabs, name, parts.length);
  const found = forCsv.length > 0 ? forCsv : find(tabs, asked, parts.length);
  const root = '../'.repeat(parts.length - 1) || './';
  const [sheet] = found;
  if (!sheet || found.length > 1) {
    if (name === undefined) {
      sendPage(
        req,
        res,
        () => ({ ...choiceView(store.sql, root, parts.at(-1) ?? '', found), version }),
        version,
      );
    } else {
      sendChoice(res, name, found, tabs);
    }
  } else if (sheet === forCsv[0]) {
    await sendCsv(store, sheet, res);
  } else {
    sendPage(req, res, () => ({ ...sheetView(store.sql, root, sheet), version }), version);
  }
}

function find(tabs: Sheet[], name: string, parts: number): Sheet[] {
  return tabs.filter(({ spreadsheet, title }) => name === (parts === 1 ? title : `${spreadsheet}/${title}`));
}

/** The CSV's counterpart of the page that offers a choice, for people at a terminal. */
function sendChoice(res: ServerResponse, name: string, found: Sheet[], tabs: Sheet[]): void {
  const several = found.length > 0;
  const addresses = (several ? found : tabs).map((sheet) => `  ${tabAddress(sheet)}.csv\n`);
  const said = several
    ? `Several spreadsheets have a tab "${name}":`
    : `There is no tab "${name}". There are:`;
  res.writeHead(several ? 300 : 404, {
    'content-type': 'text/plain; charset=utf-8',
    'cache-control': 'no-store',
  });
  res.end(`${said}\n${addresses.join('')}`);
}

function names(path: string): string[] {
  return path.split('/').map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
}
