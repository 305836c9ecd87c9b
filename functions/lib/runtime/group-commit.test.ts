import { expect, it } from 'vitest';
import { groupCommit } from './group-commit.ts';

function held() {
  const groups: number[][] = [];
  const release: (() => void)[] = [];
  const put = groupCommit(
    async (items: number[]) => {
      groups.push(items);
      await new Promise<void>((resolve) => release.push(resolve));
      if (items.includes(13)) throw new Error('unlucky');
      return items.map((item) => item * 10);
    },
    { max: 3 },
  );
  const next = async () => {
    await expect.poll(() => release.length).toBeGreaterThan(0);
    release.shift()?.();
  };
  return { groups, put, next };
}

it('commits at once when idle, and together what arrives meanwhile, up to the limit', async () => {
  const { groups, put, next } = held();
  const results = [1, 2, 3, 4, 5].map(put);
  expect(groups).toEqual([[1]]);
  for (const count of [1, 2, 3]) {
    await expect.poll(() => groups.length).toBe(count);
    await next();
  }
  expect(await Promise.all(results)).toEqual([10, 20, 30, 40, 50]);
  expect(groups).toEqual([[1], [2, 3, 4], [5]]);
});

it('fails the items of a failed commit and no others, and goes on', async () => {
  const { groups, put, next } = held();
  const settled = Promise.allSettled([1, 13, 2].map(put));
  await next();
  await expect.poll(() => groups.length).toBe(2);
  await next();
  expect((await settled).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
  const later = put(7);
  await next();
  expect(await later).toBe(70);
});
