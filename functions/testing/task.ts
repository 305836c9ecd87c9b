import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { startFunction, type FunctionProcess } from './process.ts';

export interface StartedTask extends FunctionProcess {
  /** Delivers a CloudEvent, given with all its attributes as in its JSON format. */
  deliver(event: Record<string, unknown>): Promise<Response>;
}

/** TypeScript in a checkout of Formbus, JavaScript in its package. */
const main = ['main.ts', 'main.js']
  .map((name) => join(import.meta.dirname, '..', name))
  .find((file) => existsSync(file));

/** Starts a task of the current folder's project in a process of its own, as its container does, and waits until it is ready. */
export async function startTask(name: string, env: Record<string, string> = {}): Promise<StartedTask> {
  const started = await startFunction(main ?? '', { FUNCTION_TARGET: name, ...env });
  return {
    ...started,
    deliver: (event) =>
      fetch(started.url, {
        method: 'POST',
        headers: { 'content-type': 'application/cloudevents+json' },
        body: JSON.stringify(event),
      }),
  };
}
