/**
 * The public API of Formbus: what the code of a form or a task imports `from 'formbus'`. All other files of `lib` are internal.
 *
 * Each line is an `export *`: by these esbuild leaves out of a function's bundle what that function does not use. Through a list of
 * names every form would load Redis. So a file that is named here exports what is public, and nothing else.
 *
 * @packageDocumentation
 */
export * from './form/form.ts';
export * from './fields/field.ts';
export * from './task/task.ts';
export * from './event/event.ts';
export * from './event/forgotten.ts';
export * from './event/reply.ts';
export * from './runtime/errors.ts';
export * from './later/try-later.ts';
export * from './later/later.ts';
export * from './later/pauses.ts';
