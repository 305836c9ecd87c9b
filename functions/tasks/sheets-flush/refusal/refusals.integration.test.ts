import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startFlushing, type Flushing } from '../testing.ts';
import { killPoint } from '../../../testing/kill-points.ts';
import { openBuffer } from '../../../lib/buffer/buffer.ts';

let at: Flushing;
let sheet: string;
beforeAll(async () => {
  at = await startFlushing();
});
afterAll(() => at.close());
beforeEach(async () => {
  sheet = await at.begin();
});

const ids = async (title?: string) => (await at.rows(sheet, title)).slice(1).map(([id]) => id);
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
const idsFrom = (from: number, to: number) => range(from, to).map((n) => `id-${n}`);

describe('a tab that is protected', () => {
  beforeEach(async () => {
    await at.push(sheet, 1, { tab: 'closed' });
    await at.push(sheet, 2, { tab: 'open' });
    await at.flush();
    at.calls.length = 0;
  });

  it.each([
    ['as a whole', true],
    ['in a column', { column: 2 }],
  ] as const)(
    '%s holds up no other one, costs few calls, and its rows stand there once it may be written again',
    async (_, protection) => {
      await at.emulator.setProtected(sheet, 'closed', protection);
      for (const n of range(10, 50)) await at.push(sheet, n, { tab: n % 2 === 0 ? 'closed' : 'open' });
      const { failed, lines, rows } = await at.flush();
      expect(failed).toMatchObject([{ spreadsheetId: sheet, tab: 'closed', reason: /protected cell/ }]);
      expect(rows).toBe(20);
      expect((await ids('open')).slice(1)).toEqual(idsFrom(10, 50).filter((__, i) => i % 2 === 1));
      expect(at.calls.length).toBeLessThan(20);
      expect(lines.map(({ msg }) => msg)).not.toContain('row refused; it is kept aside');

      // It is tried again with one look and one call, after one minute, two, four …
      at.calls.length = 0;
      expect((await at.flush({ laterMs: 50_000 })).failed).toEqual([]);
      expect(at.calls).toEqual([]);
      expect((await at.flush({ laterMs: 70_000 })).failed).toHaveLength(1);
      expect(at.calls).toEqual(['layout', 'apply']);
      expect((await at.flush({ laterMs: 120_000 })).failed).toEqual([]);
      const [waiting] = await at.buffer.waiting();
      expect(waiting?.parkedTabs.get('closed')).toMatchObject({ tries: 2, reason: /protected cell/ });

      // Others of it go straight to where its rows wait.
      await at.push(sheet, 60, { tab: 'closed' });
      await at.push(sheet, 61, { tab: 'open' });
      expect((await at.flush({ laterMs: 130_000 })).rows).toBe(1);

      await at.emulator.setProtected(sheet, 'closed', false);
      expect(await at.flush({ laterMs: 400_000 })).toMatchObject({ rows: 21, failed: [] });
      expect(await ids('closed')).toEqual([
        'id-1',
        ...idsFrom(10, 50).filter((__, i) => i % 2 === 0),
        'id-60',
      ]);
      expect(await at.server.look.keys('buffer:*-tabs:*')).toEqual([]);
      expect(await at.server.look.keys('buffer:aside:*')).toEqual([]);
      expect(await at.buffer.waiting()).toEqual([]);
      expect((await at.rows(sheet, 'closed')).flat().join()).not.toContain('refused');
    },
  );

  it('over eight hours holds back no row of another tab', async () => {
    await at.emulator.setProtected(sheet, 'closed', true);
    for (const hour of range(0, 8)) {
      for (const n of range(0, 5)) {
        await at.push(sheet, 100 + hour * 10 + n, { tab: 'closed' });
        await at.push(sheet, 100 + hour * 10 + 5 + n, { tab: 'open' });
      }
      expect((await at.flush({ laterMs: hour * 3_600_000 })).rows).toBe(5);
    }
    expect(await ids('open')).toHaveLength(41);
  });

  it('does not keep a row of another tab from being forgotten', async () => {
    await at.push(sheet, 3, { tab: 'open' });
    await at.flush();
    await at.emulator.setProtected(sheet, 'closed', true);
    await at.buffer.erase(sheet, 'id-3');
    await at.buffer.erase(sheet, 'id-1');
    expect((await at.flush()).failed).toMatchObject([{ reason: /cannot be erased/ }]);
    expect(await ids('open')).toEqual(['id-2']);
    await at.emulator.setProtected(sheet, 'closed', false);
    await at.flush();
    expect((await ids('closed')).filter(Boolean)).toEqual([]);
    expect(await at.buffer.waiting()).toEqual([]);
  });

  it('lets a row that is put aside be forgotten', async () => {
    await at.emulator.setProtected(sheet, 'closed', true);
    await at.push(sheet, 3, { tab: 'closed' });
    await at.flush();
    await at.emulator.setProtected(sheet, 'closed', false);
    await at.buffer.erase(sheet, 'id-3');
    await at.flush({ laterMs: 70_000 });
    expect(await ids('closed')).toEqual(['id-1']);
    expect(await at.buffer.waiting()).toEqual([]);
  });

  it(
    'duplicates and loses nothing when the flush dies at any step of that',
    { timeout: 240_000 },
    async () => {
      for (let n = 0; ; n += 1) {
        sheet = await at.begin();
        await at.push(sheet, 1, { tab: 'closed' });
        await at.push(sheet, 2, { tab: 'open' });
        await at.flush();
        await at.emulator.setProtected(sheet, 'closed', true);
        for (const one of range(3, 7)) await at.push(sheet, one, { tab: one % 2 === 0 ? 'closed' : 'open' });
        const kill = killPoint(n);
        const dying = { buffer: openBuffer({ redis: kill.redis(at.redis) }), sheets: kill.sheets(at.sheets) };
        for (const laterMs of [0, 90_000]) {
          if (laterMs > 0) await at.emulator.setProtected(sheet, 'closed', false);
          await at.flush({ ...dying, laterMs }).catch(() => {});
        }
        for (const again of [1, 2, 3]) {
          await at.server.look.del(`buffer:lease:${sheet}`);
          await at.flush({ laterMs: again * 1_000_000 });
        }
        expect([n, await ids('open'), await ids('closed')]).toEqual([
          n,
          ['id-2', 'id-3', 'id-5'],
          ['id-1', 'id-4', 'id-6'],
        ]);
        expect(await at.buffer.waiting()).toEqual([]);
        if (!kill.wasReached()) return expect(n).toBeGreaterThan(30);
      }
    },
  );
});

describe('a refusal for no reason', () => {
  it.each([
    ['refuse', 1, 1],
    ['refuse', 3, 1],
    ['refuse', 3, 2],
    ['too-large', 1, 1],
    ['too-large', 3, 1],
  ] as const)('(%s) of %i rows, %i times, puts none aside', async (kind, count, times) => {
    await at.push(sheet, 0);
    await at.flush();
    for (const n of range(1, 1 + count)) await at.push(sheet, n);
    await at.emulator.faults.add([{ kind, calls: 'write', times }]);
    await at.flush();
    await at.flush({ laterMs: 70_000 });
    expect(await ids()).toEqual(idsFrom(0, 1 + count));
    expect((await at.rows(sheet)).flat().join()).not.toContain('refused');
    expect(await at.server.look.keys('buffer:refused:*')).toEqual([]);
    expect(await at.buffer.waiting()).toEqual([]);
  });
});

it('the log says that a row is kept aside when its mark stands in the sheet', async () => {
  await at.push(sheet, 1, { cells: { name: 'bad' } });
  const refusing = {
    ...at.sheets,
    async apply(id: string, requests: Parameters<typeof at.sheets.apply>[1]) {
      if (JSON.stringify(requests).includes('"bad"'))
        await at.emulator.faults.add([{ kind: 'refuse', calls: 'write', times: 1 }]);
      await at.sheets.apply(id, requests);
    },
  };
  const { lines } = await at.flush({ sheets: refusing });
  const texts = lines.map(({ msg }) => msg);
  expect(texts.filter((text) => text.includes('it is sent once more'))).toHaveLength(1);
  expect(texts.indexOf('row refused; it is kept aside')).toBeGreaterThan(texts.indexOf('written'));
  expect((await at.rows(sheet))[1]?.join()).toContain('refused this row');
});
