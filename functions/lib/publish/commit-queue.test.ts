import { expect, it, vi } from 'vitest';
import { openCommitQueue } from './commit-queue.ts';

/** Commits that the test ends. */
function manual() {
  const commits: { items: number[]; done: () => void; fail: (error: Error) => void }[] = [];
  const commit = (items: number[]) =>
    new Promise<void>((resolve, reject) => {
      commits.push({ items, done: resolve, fail: reject });
    });
  return { commits, commit };
}
const sizeOf = () => 10;
/** A time that no test waits for. */
const deadlineMs = 60_000;
const forever = { patienceMs: 1_000_000, deadlineMs };

it('commits at once when idle, and commits together what arrives meanwhile', async () => {
  const { commits, commit } = manual();
  const push = openCommitQueue({ commit, sizeOf, ...forever });
  const all = [1, 2, 3, 4].map(push);
  expect(commits.map(({ items }) => items)).toEqual([[1]]);
  commits[0]?.done();
  await all[0];
  await vi.waitFor(() => expect(commits.map(({ items }) => items)).toEqual([[1], [2, 3, 4]]));
  commits[1]?.done();
  await Promise.all(all);
});

it('puts no more into one commit than fits', async () => {
  const { commits, commit } = manual();
  const push = openCommitQueue({ commit, sizeOf, most: { items: 3, bytes: 25 }, ...forever });
  const all = [1, 2, 3, 4, 5, 6].map(push);
  for (const size of [1, 2, 2, 1]) {
    await vi.waitFor(() => expect(commits.at(-1)?.items).toHaveLength(size));
    commits.at(-1)?.done();
    await all[(commits.at(-1)?.items.at(-1) ?? 0) - 1];
  }
  await Promise.all(all);
  expect(commits.flatMap(({ items }) => items)).toEqual([1, 2, 3, 4, 5, 6]);
});

it('does not wait for a commit that hangs', async () => {
  const { commits, commit } = manual();
  const push = openCommitQueue({ commit, sizeOf, deadlineMs, patienceMs: 20, lanes: 2 });
  const hanging = push(1);
  const second = push(2);
  await vi.waitFor(() => expect(commits).toHaveLength(2));
  const third = push(3);
  commits[1]?.done();
  await second;
  await vi.waitFor(() => expect(commits).toHaveLength(3));
  commits[2]?.done();
  await third;
  commits[0]?.done();
  await hanging;
});

it('commits failed items again before later ones, and reports the failure and its end', async () => {
  const { commits, commit } = manual();
  const changes: unknown[] = [];
  const onChange = (failure: unknown) => void changes.push(failure);
  const push = openCommitQueue({ commit, sizeOf, onChange, ...forever });
  const all = [1, 2, 3].map(push);
  const away = new Error('away');
  commits[0]?.fail(away);
  await vi.waitFor(() => expect(commits).toHaveLength(2));
  expect(commits[1]?.items).toEqual([1, 2, 3]);
  commits[1]?.fail(away);
  await vi.waitFor(() => expect(commits).toHaveLength(3));
  commits[2]?.done();
  await Promise.all(all);
  expect(changes).toEqual([away, undefined]);
});

it('refuses at the deadline, under way or not, and does not commit refused items again', async () => {
  const { commits, commit } = manual();
  const push = openCommitQueue({ commit, sizeOf, ...forever, deadlineMs: 500 });
  const results = await Promise.allSettled([1, 2].map(push));
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  const third = push(3);
  commits[0]?.fail(new Error('late'));
  await vi.waitFor(() => expect(commits).toHaveLength(2));
  expect(commits[1]?.items).toEqual([3]);
  commits[1]?.done();
  await third;
});

it('refuses at once when too many items wait, and accepts items when there is room', async () => {
  const { commits, commit } = manual();
  const push = openCommitQueue({ commit, sizeOf, mostWaiting: { items: 2, bytes: 1_000 }, ...forever });
  const taken = [1, 2, 3].map(push);
  await expect(push(4)).rejects.toThrow('send it again');
  commits[0]?.done();
  await taken[0];
  await vi.waitFor(() => expect(commits).toHaveLength(2));
  const fifth = push(5);
  commits[1]?.done();
  await vi.waitFor(() => expect(commits).toHaveLength(3));
  commits[2]?.done();
  await Promise.all([...taken, fifth]);
});

it('refuses at once when too many bytes wait', async () => {
  const { commit } = manual();
  const push = openCommitQueue({
    commit,
    sizeOf,
    mostWaiting: { items: 100, bytes: 15 },
    ...forever,
    deadlineMs: 100,
  });
  const first = push(1);
  const second = push(2);
  await expect(push(3)).rejects.toThrow('send it again');
  await Promise.allSettled([first, second]);
});
