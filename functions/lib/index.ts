/**
 * The public API of Formbus: what the code of a form or a task imports `from 'formbus'`. All other files of `lib` are internal.
 *
 * Each line is an `export *`, because esbuild then leaves out of a function's bundle what that function does not use; with a list of
 * names every form would load Redis. So each file named here exports only what is public.
 *
 * @packageDocumentation
 */
export * from './form/form.ts';
export * from './fields/text.ts';
export * from './fields/email.ts';
export * from './fields/phone.ts';
export * from './fields/decimal.ts';
export * from './fields/choice.ts';
export * from './task/task.ts';
export * from './task/task-handler.ts';
export * from './event/submission.ts';
export * from './event/submission-of.ts';
export * from './event/any-event.ts';
export * from './event/forgotten.ts';
export * from './event/reply.ts';
export * from './runtime/errors.ts';
export * from './later/try-later.ts';
export * from './later/later-queue.ts';
export * from './later/pauses.ts';
