import { OAuth2Client } from 'google-auth-library';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import * as v from 'valibot';
import { startFlushing, type Flushing } from '../../tasks/sheets-flush/testing.ts';
import { openSheets } from './sheets.ts';

let at: Flushing;
let sheet: string;
beforeAll(async () => {
  at = await startFlushing();
});
afterAll(() => at.close());
beforeEach(async () => {
  sheet = await at.begin();
});

const ids = async () => (await at.rows(sheet)).slice(1).map(([id]) => id);

describe('a page that a proxy answers with status 200', () => {
  it.each(['proxy-before', 'proxy-after'] as const)(
    'is not taken for Google’s word that rows were written: %s',
    async (kind) => {
      await at.push(sheet, 1);
      await at.push(sheet, 2);
      await at.emulator.faults.add([{ kind, calls: 'write', times: 1 }]);
      expect(await at.flush()).toMatchObject({ rows: 0, failed: [{ reason: /not Google's answer/ }] });
      expect(await at.flush()).toMatchObject({ rows: 2, failed: [] });
      expect(await ids()).toEqual(['id-1', 'id-2']);
    },
  );

  it('in place of what the flush reads ends the turn, parks nothing, and reports no deleted tab', async () => {
    await at.push(sheet, 1);
    await at.flush();
    await at.push(sheet, 2);
    at.calls.length = 0;
    await at.emulator.faults.add([{ kind: 'proxy-before', calls: 'read', times: 1_000 }]);
    const { failed, lines } = await at.flush();
    expect(failed).toHaveLength(1);
    expect(at.calls).toEqual(['layout']);
    expect(lines.map(({ msg }) => msg)).toEqual(['not written; it stays in the buffer']);
    await at.emulator.faults.clear();
    expect(await at.flush()).toMatchObject({ rows: 1 });
    expect(await ids()).toEqual(['id-1', 'id-2']);
  });

  it('does not pass as an answer to any other call either', async () => {
    await at.push(sheet, 1);
    await at.flush();
    const [tab] = (await at.sheets.layout(sheet)).filter((one) => one.tab);
    if (!tab) throw new Error('no tab');
    const questions: (() => Promise<unknown>)[] = [
      () => at.sheets.token(sheet, 1),
      () => at.sheets.tokens(sheet),
      () => at.sheets.successor(sheet),
      () => at.sheets.column(sheet, tab, 0),
      () => at.sheets.layout(sheet),
    ];
    for (const ask of questions) {
      await at.emulator.faults.add([{ kind: 'proxy-before', calls: 'read', times: 1 }]);
      await expect(ask()).rejects.toMatchObject({ name: 'SheetsError', status: undefined });
      await ask();
    }
  });
});

/** Starts a server that answers everything like this, and returns its root. */
async function answering(status: number, type: string, body: string): Promise<string> {
  const server = createServer((_, res) => void res.writeHead(status, { 'content-type': type }).end(body));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => void server.close());
  const { port } = v.parse(v.object({ port: v.number() }), server.address());
  return `http://127.0.0.1:${port}/`;
}

it.each([
  ['about another spreadsheet', '{"spreadsheetId":"other","replies":[{}]}'],
  ['with fewer replies', '{"spreadsheetId":"s","replies":[]}'],
  ['that is empty', '{}'],
])('an answer %s does not count', async (_, body) => {
  const root = await answering(200, 'application/json', body);
  const sheets = openSheets({ SHEETS_URL: root });
  const requests = [{ deleteSheet: { sheetId: 1 } }];
  await expect(sheets.apply('s', requests)).rejects.toMatchObject({ status: undefined });
});

it.each([400, 403, 404])(
  'a %i that is not from Google is not a refusal: the outcome is unknown',
  async (status) => {
    const root = await answering(status, 'text/html', '<h1>no</h1>');
    const sheets = openSheets({ SHEETS_URL: root });
    await expect(sheets.layout('s')).rejects.toMatchObject({ status: undefined });
    await expect(sheets.token('s', 1)).rejects.toMatchObject({ status: undefined });
  },
);

it('an error of the login parks no spreadsheet', async () => {
  await at.push(sheet, 1);
  const oauth2TokenUrl = await answering(400, 'application/json', '{"error":"invalid_grant"}');
  const auth = new OAuth2Client({ clientId: 'a', clientSecret: 'b', endpoints: { oauth2TokenUrl } });
  auth.setCredentials({ refresh_token: 'c' });
  const sheets = openSheets({ SHEETS_URL: at.emulator.url }, { auth });
  const { failed } = await at.flush({ sheets });
  expect(failed).toMatchObject([{ reason: /the login failed: 400, / }]);
  expect(await at.server.look.exists('buffer:parked')).toBe(0);
  expect((await at.flush()).rows).toBe(1);
});
