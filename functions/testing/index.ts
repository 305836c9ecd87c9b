/**
 * What the test of a form or a task imports `from 'formbus/testing'`; it knows no test runner.
 *
 * @packageDocumentation
 */
export { serve } from '../lib/serve/serve.ts';
export { bodyOf, formEnv, postJson, startSink } from './sink.ts';
export { startTask } from './task.ts';
