import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { planForm, planTask, type NewFile } from './plan.ts';

const root = join(import.meta.dirname, '../../..');
const textOf = (files: NewFile[], end: string) => files.find(({ file }) => file.endsWith(end))?.text ?? '';

it('a form has its code, test and Service, in the order in which they may appear, and nothing left of the demo', async () => {
  const files = await planForm(root, 'visitor-book');
  expect(files.map(({ file }) => file)).toEqual([
    'functions/forms/visitor-book/visitor-book.ts',
    'functions/forms/visitor-book/visitor-book.test.ts',
    'knative/forms/visitor-book.yaml',
  ]);
  expect(files.filter(({ text }) => /demo|to copy/i.test(text))).toEqual([]);
  expect(textOf(files, 'visitor-book.ts')).toContain("export const visitorBook = form(\n  'visitor-book',");
  expect(files.filter(({ file }) => existsSync(join(root, file)))).toEqual([]);
});

it('a task has its code, test, Service and Trigger, whose filter is what was asked for', async () => {
  const files = await planTask(root, 'count-visits', { form: 'student-data-form', type: 'form.analyzed' });
  expect(files.map(({ file }) => file)).toEqual([
    'functions/tasks/count-visits/count-visits.ts',
    'functions/tasks/count-visits/count-visits.integration.test.ts',
    'knative/tasks/count-visits.yaml',
    'eventing/triggers/count-visits.yaml',
  ]);
  expect(files.filter(({ text }) => /demo|to copy/i.test(text))).toEqual([]);
  const attributes = 'attributes:\n      type: form.analyzed\n      form: student-data-form\n  subscriber';
  expect(textOf(files, 'triggers/count-visits.yaml')).toContain(attributes);
  const ofAll = await planTask(root, 'count-visits');
  expect(textOf(ofAll, 'triggers/count-visits.yaml')).toContain(
    'attributes:\n      type: form.submitted\n  subscriber',
  );
});

it.each([
  ['there is no form "x"; there are demo-form, ', { form: 'x' }],
  [
    'there is no type of event "x"; there are form.submitted, form.suspected, form.forgotten, form.analyzed',
    { type: 'x' },
  ],
])('a task that would never receive an event is refused: %s', async (message, only) => {
  await expect(planTask(root, 'count-visits', only)).rejects.toThrow(message);
});

it.each([
  ['form', planForm, 'demo-task', 'the name of another function'],
  ['task', planTask, 'demo-form', 'the name of another function'],
  ['form', planForm, 'sheets-buffer-moderation', 'eventing/triggers/sheets-buffer-moderation.yaml'],
  ['task', planTask, 'sheets-buffer-moderation', 'eventing/triggers/sheets-buffer-moderation.yaml'],
  ['task', planTask, 'dead-letters', 'eventing/dead-letters.yaml'],
])('a %s does not take the name of another resource', async (_, plan, name, message) => {
  await expect(plan(root, name)).rejects.toThrow(message);
});
