import { expect, it } from 'vitest';
import * as v from 'valibot';
import { openArchive } from './store.ts';

const submission = {
  type: 'form.submitted',
  source: '/forms/demo-form',
  time: '2026-01-01T00:00:00Z',
  form: 'demo-form',
  sheet: 's/t',
  data: {},
};

it('stores together what arrives during an INSERT', async () => {
  const Rows = v.pipe(v.string(), v.parseJson(), v.array(v.object({ id: v.string() })));
  const inserts: string[][] = [];
  const archive = openArchive({
    async query(text, values = []) {
      if (text.includes('INSERT INTO submissions'))
        inserts.push(v.parse(Rows, values[0]).map(({ id }) => id));
      const rows = text.startsWith('SELECT max') ? [{ version: 1 }] : [];
      return { rows, rowCount: 0, command: '', oid: 0, fields: [] };
    },
  });
  await Promise.all(['c', 'b', 'a'].map((id) => archive.keep({ ...submission, id })));
  expect(inserts).toEqual([['c'], ['a', 'b']]);
});
