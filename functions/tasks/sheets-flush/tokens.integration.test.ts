import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { startFlushing, type Flushing } from './testing.ts';
import type { SheetRequest } from '../../lib/sheets/sheets.ts';
import { parseToken, tokenValue } from './tokens.ts';

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
const numbers = async () =>
  (await at.sheets.tokens(sheet)).map(({ sequence }) => sequence).toSorted((a, b) => a - b);
const digest = '0123456789abcdef';
const day = 86_400_000;

/** Writes tokens with these numbers; without an installation as an older version did. */
async function put(from: number, to: number, { installation = '', numberedAt = Date.now() } = {}) {
  const value = installation ? tokenValue({ installation, numberedAt }, digest) : digest;
  const requests: SheetRequest[] = [];
  for (let metadataId = from; metadataId < to; metadataId += 1)
    requests.push({
      createDeveloperMetadata: {
        developerMetadata: {
          metadataId,
          metadataKey: 'fb',
          metadataValue: value,
          visibility: 'DOCUMENT',
          location: { spreadsheet: true },
        },
      },
    });
  await at.sheets.apply(sheet, requests);
}

async function write(n: number, more: Parameters<typeof at.flush>[0] = {}) {
  await at.push(sheet, n);
  return at.flush(more);
}

it('name rows, installation and time in 27 characters; those of older versions can still be read', () => {
  const numberedAt = Date.parse('2026-11-28T12:00:00Z');
  const value = tokenValue({ installation: 'abc123', numberedAt }, digest);
  expect(value).toHaveLength(27);
  expect(parseToken(value)).toEqual({ content: digest, installation: 'abc123', at: numberedAt });
  expect(parseToken(digest)).toEqual({ content: digest, installation: undefined, at: undefined });
  expect(parseToken('void')).toMatchObject({ content: 'void' });
  expect(parseToken('somebody’s own')).toBeUndefined();
});

it('are deleted every 64 numbers, all but the newest 256, whether or not each batch was written', async () => {
  await write(0);
  await put(2, 400);
  await at.server.look.set(`buffer:sequence:${sheet}`, 450);
  await write(1);
  expect(await numbers()).toEqual([...Array.from({ length: 204 }, (_, i) => 196 + i), 451]);
  await write(2);
  expect(await numbers()).toContain(196);
});

it(
  'never fill the spreadsheet: 14 batches a minute for two hours are all written',
  { timeout: 300_000 },
  async () => {
    for (let n = 0; n < 14 * 120; n += 1) expect((await write(n)).failed).toEqual([]);
    expect((await numbers()).length).toBeLessThan(330);
    expect(await ids()).toHaveLength(14 * 120);
  },
);

it.each([
  ['this installation’s from an older version', { installation: '' }],
  ['those of an installation that is gone', { installation: 'gone00', numberedAt: Date.now() - 2 * day }],
])('are deleted before a spreadsheet is parked that is full of %s', async (_, whose) => {
  await write(0);
  await put(2, whose.installation ? 1_035 : 1_667, whose);
  await at.server.look.set(`buffer:sequence:${sheet}`, 2_000);
  // As if it had been done a moment ago.
  await at.server.look.set(`buffer:collected:${sheet}`, 2_000);
  await expect(put(3_000, 3_001)).rejects.toThrow('exceeds the limit of 30000 characters');
  expect(await write(1)).toMatchObject({ rows: 1, failed: [] });
  expect(await at.server.look.exists('buffer:parked')).toBe(0);
});

it('of another installation stay for a day, so that its batch whose answer was lost is not duplicated', async () => {
  await at.push(sheet, 1);
  await at.emulator.faults.add([{ kind: 'drop-after', calls: 'write', times: 1 }]);
  await at.flush();
  const laptop = await at.server.look.dump('buffer:installation');
  const state = await dumpAll();

  // Production, another Redis, goes on for long.
  await at.server.look.flushall();
  await at.push(sheet, 2);
  await at.flush();
  expect(await at.server.look.get('buffer:installation')).toMatch(/^[\da-z]{6}$/);
  expect(await at.server.look.dump('buffer:installation')).not.toEqual(laptop);
  await at.server.look.set(`buffer:sequence:${sheet}`, 1_000);
  await write(3);
  expect(await numbers()).toContain(1);

  await restoreAll(state);
  await at.flush();
  expect(await ids()).toEqual(['id-1', 'id-2', 'id-3']);
  expect(await at.buffer.waiting()).toEqual([]);
});

it('with the same number of two installations lose and duplicate no row of either', async () => {
  const states: Map<string, Buffer>[] = [new Map(), new Map()];
  for (let n = 0; n < 8; n += 1) {
    await at.server.look.flushall();
    await restoreAll(states[n % 2] ?? new Map());
    await write(n);
    await at.flush();
    states[n % 2] = await dumpAll();
  }
  expect(await ids()).toEqual(Array.from({ length: 8 }, (_, n) => `id-${n}`));
});

it('may be gone when a batch is in flight for long: it is compared with the sheet before it is sent again', async () => {
  for (const n of [1, 2]) await at.push(sheet, n);
  await at.emulator.faults.add([{ kind: 'drop-after', calls: 'write', times: 1 }]);
  await at.flush();
  await at.sheets.apply(sheet, [
    { deleteDeveloperMetadata: { dataFilter: { developerMetadataLookup: { metadataId: 1 } } } },
  ]);
  const numbered = Number(await at.server.look.get(`buffer:numbered:${sheet}`));
  await at.server.look.set(`buffer:numbered:${sheet}`, numbered - 3_700);
  await at.push(sheet, 3);
  expect((await at.flush()).failed).toEqual([]);
  expect(await ids()).toEqual(['id-1', 'id-2', 'id-3']);
});

it('that are still there spare an old batch the comparison: a row that a person deleted does not come back', async () => {
  for (const n of [1, 2]) await at.push(sheet, n);
  await at.emulator.faults.add([{ kind: 'drop-after', calls: 'write', times: 1 }]);
  await at.flush();
  const tab = (await at.sheets.layout(sheet)).find((one) => one.tab === 'form');
  const range = { sheetId: tab?.sheetId ?? 0, dimension: 'ROWS', startIndex: 1, endIndex: 2 };
  await at.sheets.apply(sheet, [{ deleteDimension: { range } }]);
  await at.server.look.set(`buffer:numbered:${sheet}`, 1);
  expect(await at.flush()).toMatchObject({ rows: 2, failed: [] });
  expect(await ids()).toEqual(['id-2']);
});

async function dumpAll(): Promise<Map<string, Buffer>> {
  const all = new Map<string, Buffer>();
  for (const key of await at.server.look.keys('*')) {
    const dumped = await at.server.look.dumpBuffer(key);
    if (dumped) all.set(key, dumped);
  }
  return all;
}

async function restoreAll(state: Map<string, Buffer>): Promise<void> {
  await at.server.look.flushall();
  for (const [key, dumped] of state) await at.server.look.restore(key, 0, dumped);
}
