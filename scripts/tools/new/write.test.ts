import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { tempFolder } from '../../runner/serving/testing.ts';
import { writeAll } from './write.ts';

const files = [
  { file: 'functions/tasks/x/x.ts', text: 'code' },
  { file: 'functions/tasks/x/x.test.ts', text: 'test' },
  { file: 'knative/tasks/x.yaml', text: 'service' },
  { file: 'eventing/triggers/x.yaml', text: 'trigger' },
];

it('writes all files; a second run writes nothing and names the files that exist', () => {
  const root = tempFolder();
  writeAll(root, files);
  expect(files.map(({ file }) => readFileSync(join(root, file), 'utf8'))).toEqual(
    files.map(({ text }) => text),
  );
  writeFileSync(join(root, 'functions/tasks/x/x.ts'), 'mine');
  expect(() => writeAll(root, files)).toThrow(
    'Nothing is written, because this exists already: functions/tasks/x and knative/tasks/x.yaml and eventing/triggers/x.yaml',
  );
  expect(readFileSync(join(root, 'functions/tasks/x/x.ts'), 'utf8')).toBe('mine');
});

it.each([1, 2, 3])(
  'after a run that was broken off with %i files, the next run says so and names what to remove',
  (count) => {
    const root = tempFolder();
    writeAll(root, files.slice(0, count));
    expect(() => writeAll(root, files)).toThrow(
      /already, without .*triggers\/x\.yaml\. If an earlier run was broken off.*\n {2}rm -r functions\/tasks\/x/,
    );
    expect(existsSync(join(root, 'eventing/triggers/x.yaml'))).toBe(false);
  },
);

it('writes nothing into a folder that exists already, even an empty one', () => {
  const root = tempFolder();
  mkdirSync(join(root, 'functions/tasks/x'), { recursive: true });
  expect(() => writeAll(root, files)).toThrow('rm -r functions/tasks/x');
});

it('removes what it wrote when it cannot write the rest', () => {
  const root = tempFolder();
  writeFileSync(join(root, 'eventing'), 'no folder');
  expect(() => writeAll(root, files)).toThrow('Not all of it could be written, so nothing was: ');
  expect(files.filter(({ file }) => existsSync(join(root, file)))).toEqual([]);
  expect(existsSync(join(root, 'functions/tasks/x'))).toBe(false);
});
