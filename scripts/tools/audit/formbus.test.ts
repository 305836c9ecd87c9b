import { expect, it, onTestFinished } from 'vitest';
import { openGateway } from '../../runner/gateway/gateway.ts';
import { openFormbus } from './formbus.ts';
import type { LoggedRow } from './report.ts';

it('redelivers any number of events, each once', async () => {
  const gateway = await openGateway({ port: 0, host: '127.0.0.1' });
  onTestFinished(() => gateway.close(0));
  const got = new Map<string, number[]>();
  gateway.open({
    forms: [],
    services: { request: () => {}, status: () => [] },
    deadLetters: () => [],
    redrive: () => Promise.resolve(0),
    events: () => [],
    redeliver: (trigger, seqs) => {
      got.set(trigger, [...(got.get(trigger) ?? []), ...seqs]);
      return Promise.resolve(seqs.length);
    },
    connections: { redis: '', broker: '', services: '', sheets: null, kafka: null, data: '' },
    metrics: () => Promise.resolve(''),
    waiting: () => Promise.resolve({ rows: 0, next: null }),
    delivered: async () => {},
    schedules: { status: () => [], fire: () => undefined },
    sheets: undefined,
  });
  const rows = Array.from({ length: 10_001 }, (_, seq) => row(seq, 'archive'));
  const { redeliver } = openFormbus(gateway.url);
  await redeliver([...rows, row(7, 'sheets-buffer')]);
  expect(got).toEqual(
    new Map([
      ['archive', rows.map(({ seq }) => seq)],
      ['sheets-buffer', [7]],
    ]),
  );
});

const row = (seq: number, trigger: string): LoggedRow => ({
  seq,
  trigger,
  spreadsheetId: 's',
  tab: 't',
  id: `id-${seq}`,
  form: 'demo-form',
  time: '2026-01-01T00:00:00.000Z',
  waiting: false,
  dead: false,
});
