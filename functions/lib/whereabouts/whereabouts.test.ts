import { expect, it } from 'vitest';
import { timesSeen, whereIs, type Traces, type Whereabouts } from './whereabouts.ts';

const nothing: Traces = { times: 0, held: undefined, isReadable: true };

it.each<[Whereabouts, Partial<Traces>, string]>([
  ['lost', {}, 'nothing is known of it'],
  ['not checked', { isReadable: false }, 'its sheet cannot be read'],
  ['waiting', { event: 'waiting' }, 'its event waits for the buffer'],
  ['waiting', { event: 'waiting', isReadable: false }, 'its event waits, whatever its sheet says'],
  ['dead letters', { event: 'dead letters' }, 'the buffer gave up its event'],
  ['buffered', { held: 'buffered', event: 'waiting' }, 'the buffer has it and its event comes again'],
  ['in flight', { held: 'in flight' }, 'it is in a batch'],
  ['in sheet', { times: 1 }, 'it is in the sheet'],
  ['in sheet', { times: 2 }, 'it is there twice'],
  ['in sheet', { times: 1, held: 'in flight' }, 'it is in the sheet and its batch is not acknowledged'],
  ['in sheet', { times: 1, event: 'dead letters' }, 'it is in the sheet and its event died'],
  ['refused', { held: 'refused' }, 'Google refused it'],
  ['refused', { held: 'refused', times: 1 }, 'Google refused it and its mark is in the sheet'],
  ['forgotten', { held: 'forgotten' }, 'its submission is forgotten'],
  ['forgotten', { held: 'forgotten', times: 1 }, 'it is forgotten and is still in the sheet'],
])('a row is %s: %o (%s)', (where, traces) => {
  expect(whereIs({ ...nothing, ...traces })).toBe(where);
});

it.each([
  [[0], 0],
  [[2], 2],
  [[1, 0], 1],
  [[0, 1], 1],
  [[2, 1], 1],
  [[2, 0], 1],
  [[2, 2], 2],
  [[0, 0], 0],
])('takes looks that found an id %j times as %i', (looks, times) => {
  expect(timesSeen(looks)).toBe(times);
});
