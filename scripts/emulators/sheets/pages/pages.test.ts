import { describe, expect, test } from 'vitest';
import { BOOK, tab, testPages, texts } from '../testing.ts';

const get = async (url: string, init?: RequestInit) => {
  const answer = await fetch(url, { redirect: 'manual', ...init });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
};

describe('the CSV of a tab', () => {
  test('has all columns, the hidden ones too, and all rows with the heading', async () => {
    const sheets = await testPages();
    await sheets.apply(...tab('Tab', ['id', 'name'], ['1', 'a'], ['', ''], ['3', '']), {
      updateDimensionProperties: {
        range: { sheetId: 7, dimension: 'COLUMNS', startIndex: 0, endIndex: 1 },
        properties: { hiddenByUser: true },
        fields: 'hiddenByUser',
      },
    });
    const { status, headers, text } = await get(`${sheets.pages}Tab.csv`);
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(text).toBe('id,name\r\n1,a\r\n,\r\n3,\r\n');
    expect((await get(`${sheets.pages}book-1/Tab.csv`)).text).toBe(text);
  });

  test('quotes commas, quotes and line breaks, and keeps every character', async () => {
    const sheets = await testPages();
    await sheets.apply(...tab('Tab', ['a,b', 'say "hi"', 'two\nlines', '=1+1', ' ऋ😀 ']));
    expect((await get(`${sheets.pages}Tab.csv`)).text).toBe(
      '"a,b","say ""hi""","two\nlines",\'=1+1, ऋ😀 \r\n',
    );
  });

  test('is the same as an export writes: with a byte-order mark, numbers as numbers, and nothing that is a formula', async () => {
    const sheets = await testPages();
    await sheets.apply(...tab('Tab', ['name'], ['Müller'], ['-5'], ['=1+1'], ['+49 170'], ['-5+1'], ['@x']));
    const answer = await fetch(`${sheets.pages}Tab.csv`);
    const bytes = Buffer.from(await answer.arrayBuffer());
    expect(bytes.toString()).toBe("\ufeffname\r\nMüller\r\n-5\r\n'=1+1\r\n'+49 170\r\n'-5+1\r\n'@x\r\n");
  });

  test('shows numbers and times as a sheet shows them', async () => {
    const sheets = await testPages();
    const cell = (numberValue: number, type: string, pattern: string) => ({
      userEnteredValue: { numberValue },
      userEnteredFormat: { numberFormat: { type, pattern } },
    });
    const values = [
      cell(8.5, 'NUMBER', '0.00'),
      cell(20, 'NUMBER', '0'),
      cell(46_053.5, 'DATE_TIME', 'yyyy-mm-dd"T"hh:mm:ss.000"Z"'),
    ];
    await sheets.apply(...tab('Tab', ['a', 'b', 'c']), {
      appendCells: {
        sheetId: 7,
        rows: [{ values }],
        fields: 'userEnteredValue,userEnteredFormat.numberFormat',
      },
    });
    const wanted = ['8.50', '20', '2026-01-31T12:00:00.000Z'];
    expect((await get(`${sheets.pages}Tab.csv`)).text).toContain(wanted.join(','));
    const page = (await get(`${sheets.pages}Tab`)).text;
    for (const text of wanted) expect(page).toContain(`<td class="number">${text}</td>`);
    const { data } = await sheets.api.values.get({
      spreadsheetId: BOOK,
      range: 'Tab!A2:C2',
      valueRenderOption: 'UNFORMATTED_VALUE',
    });
    expect(data.values).toEqual([[8.5, 20, 46_053.5]]);
  });

  test('of many rows is complete, and stays as it was when it began', async () => {
    const sheets = await testPages();
    const rows = Array.from({ length: 20_000 }, (_, index) => [`row ${index}`]);
    const append = { appendCells: { sheetId: 7, rows: texts(...rows), fields: 'userEnteredValue' } };
    await sheets.apply(...tab('Tab', ['id']), append);
    const answer = await fetch(`${sheets.pages}Tab.csv`);
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = (await reader?.read())?.value ?? '';
    await sheets.apply(append, {
      deleteDimension: { range: { sheetId: 7, dimension: 'ROWS', startIndex: 5, endIndex: 500 } },
    });
    for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) text += part.value;
    expect(text.trimEnd().split('\r\n')).toEqual(['id', ...rows.flat()]);
  });

  test('is found under any name', async () => {
    const sheets = await testPages();
    const names = ["It's 100 % / ünï?#code.csv", 'a.csv', '<b>&'];
    await sheets.apply(
      ...names.map((title, index) => ({ addSheet: { properties: { title, sheetId: index + 10 } } })),
      ...names.map((name, index) => ({
        appendCells: { sheetId: index + 10, rows: texts([`in ${name}`]), fields: '*' },
      })),
    );
    for (const name of names) {
      const address = sheets.pages + encodeURIComponent(name);
      expect((await get(`${address}.csv`)).text).toContain(`in ${name}`);
      const page = await get(address);
      expect(page.headers.get('content-type')).toContain('text/html');
      expect(page.status).toBe(200);
    }
  });
});

describe('a tab that cannot be shown', () => {
  test('is answered 404 with the tabs there are', async () => {
    const sheets = await testPages();
    await sheets.apply(...tab('Here I am', ['id']));
    const csv = await get(`${sheets.pages}nowhere.csv`);
    expect(csv.status).toBe(404);
    expect(csv.text).toContain('There is no tab "nowhere"');
    expect(csv.text).toContain('book-1/Here%20I%20am.csv');
    const page = await get(`${sheets.pages}nowhere`);
    expect(page.status).toBe(404);
    expect(page.text).toContain('<a href="./book-1/Here%20I%20am">Here I am</a>');
    expect((await get(`${sheets.pages}book-1/nowhere`)).text).toContain('href="../book-1/Here%20I%20am"');
  });

  test('is answered 300 with a choice when several spreadsheets have it', async () => {
    const sheets = await testPages({ spreadsheets: ['one', 'two'] });
    const csv = await get(`${sheets.pages}Sheet1.csv`);
    expect(csv.status).toBe(300);
    expect(csv.text).toContain('one/Sheet1.csv\n  two/Sheet1.csv\n');
    const page = await get(`${sheets.pages}Sheet1`);
    expect(page.status).toBe(300);
    expect(page.text).toContain('href="./two/Sheet1"');
    expect((await get(`${sheets.pages}two/Sheet1`)).status).toBe(200);
  });
});

test('the list shows every tab with its rows', async () => {
  const sheets = await testPages();
  await sheets.apply(...tab('Tab', ['id'], ['1'], ['2']));
  const { status, text } = await get(sheets.pages);
  expect(status).toBe(200);
  expect(text).toMatch(/<a href="\.\/book-1\/Tab">Tab<\/a>.*\n.*>2 rows</);
  // Every spreadsheet begins with it, and it is unused.
  expect(text).not.toContain('Sheet1');
});

test('a page holds nothing of a sheet as markup and allows no foreign script', async () => {
  const sheets = await testPages();
  const evil = '<script>alert(1)</script><img src=x onerror="alert(2)">';
  await sheets.apply(...tab(evil, [evil], [evil]));
  for (const page of [sheets.pages, sheets.pages + encodeURIComponent(evil), `${sheets.pages}missing`]) {
    const { text, headers } = await get(page);
    expect(text).not.toContain('<script>alert');
    expect(text).not.toContain('<img');
    expect(headers.get('content-security-policy')).toMatch(/default-src 'none'.*script-src 'sha256-[^' ]+'/);
  }
});

test('a page shows the last 1,000 rows and says so', async () => {
  const sheets = await testPages();
  await sheets.apply(...tab('Tab', ['id'], ...Array.from({ length: 1000 }, (_, index) => [`<${index}>`])));
  expect((await get(`${sheets.pages}Tab`)).text).not.toContain('The last 1,000 rows');
  await sheets.apply({ appendCells: { sheetId: 7, rows: texts(['newest']), fields: '*' } });
  const { text } = await get(`${sheets.pages}Tab`);
  expect(text).toContain('The last 1,000 rows');
  expect(text).toContain('1,001 rows');
  expect(text).toContain('<td>newest</td>');
  expect(text).toContain('<td>id</td>');
  expect(text).not.toContain('<td>&#60;0&#62;</td>');
  expect(text).toContain('<td>&#60;1&#62;</td>');
});

test('a page that did not change is answered 304, until something does', async () => {
  const sheets = await testPages();
  await sheets.apply(...tab('Tab', ['id']));
  const first = await get(`${sheets.pages}Tab`);
  const headers = { 'if-none-match': first.headers.get('etag') ?? '' };
  expect((await get(`${sheets.pages}Tab`, { headers })).status).toBe(304);
  await sheets.apply({ appendCells: { sheetId: 7, rows: texts(['1']), fields: '*' } });
  expect((await get(`${sheets.pages}Tab`, { headers })).status).toBe(200);
});

test('leaves other methods than GET and HEAD to the caller', async () => {
  const { pages } = await testPages();
  expect((await get(pages, { method: 'POST' })).status).toBe(405);
  const head = await get(pages, { method: 'HEAD' });
  expect([head.status, head.text]).toEqual([200, '']);
});
