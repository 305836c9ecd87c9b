import { fork } from 'node:child_process';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startSheets } from './server.ts';
import { temporaryFolder } from '../testing.ts';
import { BOOK, client, tab, testSheets, texts } from './testing.ts';

const MINUTE = 60_000;
const read = (url: string, query = '') =>
  fetch(`${url}/v4/spreadsheets/${BOOK}?fields=spreadsheetId${query}`);
const post = (url: string, path: string, body: BodyInit, headers = {}) =>
  fetch(`${url}/v4/spreadsheets${path}`, { method: 'POST', body, headers });

describe('what was answered 200', () => {
  test('is there after a restart on the same folder', async () => {
    const first = await testSheets();
    await first.apply(...tab('Tab', ['id'], ['1']));
    await first.close();
    const second = await testSheets({ dir: first.dir });
    expect(await second.values('Tab')).toEqual([['id'], ['1']]);
  });

  test('is there after SIGKILL right behind the answer', async () => {
    const dir = temporaryFolder();
    const child = fork(new URL('testing-child.ts', import.meta.url), [dir, BOOK], { stdio: 'inherit' });
    onTestFinished(() => void child.kill('SIGKILL'));
    const [url] = await once(child, 'message');
    const requests = [
      ...tab('Tab', ['id']),
      { appendCells: { sheetId: 7, rows: texts(['1']), fields: '*' } },
    ];
    const { status } = await client(url).batchUpdate({ spreadsheetId: BOOK, requestBody: { requests } });
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    expect(status).toBe(200);
    expect(await exited).toEqual([null, 'SIGKILL']);

    const again = await testSheets({ dir });
    expect(await again.values('Tab')).toEqual([['id'], ['1']]);
  });
});

describe('quotas', () => {
  test('refuse the 61st read or write of a user in a minute, and are full again in the next', async () => {
    let now = 10 * MINUTE;
    const { url } = await testSheets({ quota: { perUser: 60, perProject: 300 }, now: () => now });
    const write = () => post(url, `/${BOOK}:batchUpdate`, '{"requests":[{"addSheet":{}}]}');
    for (let count = 0; count < 60; count++) expect((await read(url)).status).toBe(200);
    const refused = await read(url);
    expect(refused.status).toBe(429);
    expect(await refused.json()).toMatchObject({
      error: {
        code: 429,
        status: 'RESOURCE_EXHAUSTED',
        message:
          "Quota exceeded for quota metric 'Read requests' and limit 'Read requests per minute per user' of service " +
          "'sheets.googleapis.com' for consumer 'project_number:000000000000'.",
        details: [
          {
            '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
            reason: 'RATE_LIMIT_EXCEEDED',
            metadata: { quota_limit: 'ReadRequestsPerMinutePerUser', quota_limit_value: '60' },
          },
          { '@type': 'type.googleapis.com/google.rpc.Help' },
        ],
      },
    });
    for (let count = 0; count < 60; count++) expect((await write()).status).toBe(200);
    expect((await write()).status).toBe(429);

    now += MINUTE - 1;
    expect((await read(url)).status).toBe(429);
    now += 1;
    expect((await read(url)).status).toBe(200);
    expect((await write()).status).toBe(200);
  });

  test('count each user by himself and all of them together', async () => {
    const { url } = await testSheets({ quota: { perUser: 2, perProject: 5 }, now: () => 0 });
    const statuses = [];
    for (const user of ['a', 'a', 'a', 'b', 'b', 'c', 'c']) {
      statuses.push((await read(url, `&quotaUser=${user}`)).status);
    }
    expect(statuses).toEqual([200, 200, 429, 200, 200, 200, 429]);
    const last = await read(url, '&quotaUser=c');
    expect(await last.json()).toMatchObject({
      error: { message: expect.stringContaining("limit 'Read requests per minute' of") },
    });
  });

  test('a refused write changes nothing', async () => {
    const sheets = await testSheets({ quota: { perUser: 1, perProject: 9 }, now: () => 0 });
    await sheets.apply({ addSheet: { properties: { title: 'A' } } });
    await expect(sheets.apply({ addSheet: { properties: { title: 'B' } } })).rejects.toMatchObject({
      status: 429,
    });
    const { data } = await sheets.api.get({ spreadsheetId: BOOK, fields: 'sheets.properties.title' });
    expect(data.sheets).toHaveLength(2);
  });
});

describe('refusals', () => {
  test('404 for an unknown spreadsheet, 403 while access is revoked', async () => {
    const sheets = await testSheets();
    await expect(sheets.api.get({ spreadsheetId: 'nowhere' })).rejects.toMatchObject({
      status: 404,
      message: 'Requested entity was not found.',
    });
    sheets.setRevoked(BOOK, true);
    const answer = await read(sheets.url);
    expect(answer.status).toBe(403);
    expect(await answer.json()).toEqual({
      error: { code: 403, message: 'The caller does not have permission', status: 'PERMISSION_DENIED' },
    });
    await expect(sheets.apply({ addSheet: {} })).rejects.toMatchObject({ status: 403 });
    sheets.setRevoked(BOOK, false);
    expect((await read(sheets.url)).status).toBe(200);
  });

  test.each([
    ['GET', '', 404],
    ['GET', `/${BOOK}/values:batchGet`, 404],
    ['DELETE', `/${BOOK}`, 404],
    ['POST', `/${BOOK}/values/A1:append`, 404],
    ['GET', `/${BOOK}?excludeTables=true`, 400],
    ['GET', `/${BOOK}?includeGridData=maybe`, 400],
    ['GET', `/${BOOK}/values/A1?majorDimension=DIAGONALS`, 400],
    ['GET', `/${BOOK}/values/%E0%A4%A`, 404],
    ['GET', `/${BOOK}/developerMetadata/999999999999`, 404],
  ])('%s %s is answered %i', async (method, path, status) => {
    const { url } = await testSheets();
    const answer = await fetch(`${url}/v4/spreadsheets${path}`, { method });
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({ error: { code: status } });
  });

  test('400 for a body that is not JSON, not the gzip it says it is, or too large', async () => {
    const { url } = await testSheets();
    const large = JSON.stringify({ requests: [], padding: 'x'.repeat(10 * 1024 * 1024) });
    const gzip = { 'content-encoding': 'gzip' };
    for (const answer of [
      await post(url, `/${BOOK}:batchUpdate`, '{"requests":'),
      await post(url, `/${BOOK}:batchUpdate`, '[]'),
      await post(url, `/${BOOK}:batchUpdate`, 'not gzip', gzip),
      await post(url, `/${BOOK}:batchUpdate`, large),
      await post(url, `/${BOOK}:batchUpdate`, gzipSync(large), gzip),
    ]) {
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({ error: { status: 'INVALID_ARGUMENT' } });
    }
  });
});

test('reads a body that came compressed', async () => {
  const { url } = await testSheets();
  const body = gzipSync(JSON.stringify({ requests: [{ addSheet: { properties: { title: 'Tab' } } }] }));
  const answer = await post(url, `/${BOOK}:batchUpdate`, body, { 'content-encoding': 'gzip' });
  expect(await answer.json()).toMatchObject({ spreadsheetId: BOOK, replies: [{ addSheet: {} }] });
});

test('a caller that hangs up while sending changes nothing and disturbs no other', async () => {
  const reported: unknown[] = [];
  const sheets = await testSheets({ report: (error) => reported.push(error) });
  const path = `/v4/spreadsheets/${BOOK}:batchUpdate`;
  const headers = { 'content-length': '1000' };
  const request = httpRequest(`${sheets.url}${path}`, { method: 'POST', headers });
  const failed = once(request, 'error');
  await new Promise((sent) => request.write('{"requests":[{"addSheet":{}}]}', sent));
  request.destroy(new Error('hung up'));
  await failed;
  expect((await read(sheets.url)).status).toBe(200);
  await sheets.close();
  expect(reported).toEqual([]);
});

test('says so when its port is taken', async () => {
  const { url } = await testSheets();
  const port = Number(new URL(url).port);
  await expect(startSheets({ dir: temporaryFolder(), port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
});
