import { createServer } from 'node:http';
import { once } from 'node:events';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { Fault } from './faults.ts';
import { BOOK, testSheets, type TestSheets } from '../testing.ts';
import * as v from 'valibot';

const token = (metadataId: number) => ({
  createDeveloperMetadata: {
    developerMetadata: {
      metadataId,
      metadataKey: 'k',
      metadataValue: 'v',
      location: { spreadsheet: true },
      visibility: 'DOCUMENT',
    },
  },
});
const fault = (given: object) => v.parse(Fault, given);

async function has(sheets: TestSheets, metadataId: number): Promise<boolean> {
  return sheets.api.developerMetadata.get({ spreadsheetId: BOOK, metadataId }).then(
    () => true,
    () => false,
  );
}

describe('a call that meets a fault', () => {
  test.each([
    ['fail-before', 503, false],
    ['drop-before', undefined, false],
    ['fail-after', 503, true],
    ['drop-after', undefined, true],
    ['quota', 429, false],
    ['refuse', 400, false],
    ['too-large', 413, false],
  ])('%s: the caller hears %s, applied is %s; the next call is well', async (kind, status, applied) => {
    const sheets = await testSheets();
    sheets.faults.add([fault({ kind })]);
    const heard = await sheets.apply(token(1)).catch((error: unknown) => error);
    expect(heard).toBeInstanceOf(Error);
    expect(heard).toHaveProperty('status', status);
    expect(await has(sheets, 1)).toBe(applied);
    await sheets.apply(token(2));
    expect(sheets.faults.list()).toEqual([]);
  });

  test.each([
    ['proxy-before', false],
    ['proxy-after', true],
  ])('%s: the caller hears 200 and a page, applied is %s', async (kind, applied) => {
    const sheets = await testSheets();
    sheets.faults.add([fault({ kind })]);
    const requestBody = { requests: [token(1)] };
    const { status, data } = await sheets.api.batchUpdate({ spreadsheetId: BOOK, requestBody });
    expect([status, data]).toEqual([200, expect.stringContaining('<!doctype html>')]);
    expect(await has(sheets, 1)).toBe(applied);
  });

  test('delay: it is applied although the caller has given up', async () => {
    const sheets = await testSheets();
    sheets.faults.add([fault({ kind: 'delay', delayMs: 300 })]);
    const requestBody = { requests: [token(1)] };
    const given = sheets.api.batchUpdate({ spreadsheetId: BOOK, requestBody }, { timeout: 50 });
    await expect(given).rejects.toThrow(/abort|time/i);
    expect(await has(sheets, 1)).toBe(false);
    await vi.waitFor(async () => expect(await has(sheets, 1)).toBe(true));
  });

  test('twice: it comes again later, and a token keeps it from being applied again', async () => {
    const sheets = await testSheets();
    sheets.faults.add([fault({ kind: 'twice', delayMs: 10 }), fault({ kind: 'twice', delayMs: 10 })]);
    const row = (text: string) => ({
      appendCells: {
        sheetId: 0,
        rows: [{ values: [{ userEnteredValue: { stringValue: text } }] }],
        fields: '*',
      },
    });
    await sheets.apply(row('no token'));
    await sheets.apply(token(1), row('token'));
    await vi.waitFor(async () => expect((await sheets.values('Sheet1')).flat()).toHaveLength(3));
    expect(
      (await sheets.values('Sheet1'))
        .flat()
        .map(String)
        .toSorted((a, b) => a.localeCompare(b)),
    ).toEqual(['no token', 'no token', 'token']);
  });

  test('edit: a person changes the spreadsheet between two calls', async () => {
    const sheets = await testSheets();
    const requests = [
      { updateSheetProperties: { properties: { sheetId: 0, title: 'Renamed' }, fields: 'title' } },
    ];
    sheets.faults.add([fault({ kind: 'edit', calls: 'read', requests })]);
    await sheets.apply(token(1));
    const { data } = await sheets.api.get({ spreadsheetId: BOOK, fields: 'sheets(properties(title))' });
    expect(data.sheets).toEqual([{ properties: { title: 'Renamed' } }]);
  });

  test('only calls of its kind and of its spreadsheet meet it, as often as it says', async () => {
    const sheets = await testSheets();
    sheets.faults.add([
      fault({ kind: 'quota', spreadsheet: 'other' }),
      fault({ kind: 'quota', calls: 'read' }),
      fault({ kind: 'quota', times: 2 }),
    ]);
    await expect(sheets.apply(token(1))).rejects.toThrow('Quota exceeded');
    await expect(sheets.apply(token(1))).rejects.toThrow('Quota exceeded');
    await sheets.apply(token(1));
    expect(await has(sheets, 1)).toBe(false);
    expect(await has(sheets, 1)).toBe(true);
    expect(sheets.faults.list()).toMatchObject([{ spreadsheet: 'other' }]);
  });
});

describe('by hand, at /faults', () => {
  async function open() {
    const sheets = await testSheets();
    const server = createServer((req, res) => void sheets.handle(req, res, (req.url ?? '').slice(1)));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    onTestFinished(() => void server.close());
    const { port } = v.parse(v.object({ port: v.number() }), server.address());
    const call = (method: string, body?: string) =>
      fetch(`http://127.0.0.1:${port}/faults`, { method, ...(body === undefined ? {} : { body }) });
    return { sheets, call };
  }

  test('faults are added one at a time or several, listed with what they mean, and removed', async () => {
    const { call, sheets } = await open();
    await call('POST', '{"kind":"fail-before"}');
    await call('POST', '[{"kind":"delay","delayMs":5},{"kind":"quota"}]');
    const listed = await (await call('GET')).json();
    expect(listed).toMatchObject({
      waiting: [{ kind: 'fail-before', times: 1 }, { kind: 'delay', delayMs: 5 }, { kind: 'quota' }],
      kinds: { twice: expect.stringContaining('comes again') },
    });
    await call('DELETE');
    expect(sheets.faults.list()).toEqual([]);
  });

  test('an unknown fault is refused with the kinds that there are', async () => {
    const { call, sheets } = await open();
    for (const body of [
      '',
      '{',
      '{"kind":"nonsense"}',
      '{"kind":"quota","nonsense":1}',
      '{"kind":"quota","times":0}',
    ]) {
      const answer = await call('POST', body);
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({
        detail: expect.stringContaining('not a fault'),
        kinds: {},
      });
    }
    const unknown = await (await call('POST', '{"kind":"quota","nonsense":1}')).json();
    expect(unknown).toMatchObject({ detail: expect.stringContaining('"nonsense"') });
    expect(sheets.faults.list()).toEqual([]);
  });
});
