import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HTTP } from 'cloudevents';
import { expect, it, onTestFinished } from 'vitest';
import { testEvent } from './lib/event/testing.ts';
import { freePort } from './testing/sentinels/line.ts';
import { formEnv, postJson, startSink } from './testing/sink.ts';

const data = { name: 'Asha', message: 'Hello' };

/** Runs a form or a task by the CLI of functions-framework, which registers it by a module of two lines. */
async function startByCli(path: string, name: string, definition: string, env: Record<string, string>) {
  const dir = await mkdtemp(join(tmpdir(), 'formbus-cli-'));
  const file = join(dir, 'function.mjs');
  const from = (path: string) => JSON.stringify(join(import.meta.dirname, path));
  await writeFile(
    file,
    `import { ${definition} } from ${from(path)}; import { serve } from ${from('lib/serve/serve.ts')};
    await serve(${definition});`,
  );
  const port = await freePort();
  const cli = join(
    import.meta.dirname,
    '../node_modules/@google-cloud/functions-framework/build/src/main.js',
  );
  const args = [cli, `--source=${file}`, `--target=${name}`, `--port=${port}`];
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    await rm(dir, { recursive: true });
  });
  const url = `http://127.0.0.1:${port}/`;
  await expect
    .poll(() =>
      fetch(url).then(
        ({ status }) => status,
        () => 0,
      ),
    )
    .toBeGreaterThan(0);
  return url;
}

it("functions-framework's own CLI runs a form", async () => {
  const sink = await startSink();
  onTestFinished(() => sink.close());
  const url = await startByCli('forms/demo-form/demo-form.ts', 'demo-form', 'demoForm', formEnv(sink));
  expect((await postJson(url, data)).status).toBe(202);
  expect((await postJson(url, {})).status).toBe(422);
  expect(sink.events.map((event) => event.data)).toEqual([data]);
});

it("functions-framework's own CLI runs a task", async () => {
  const env = { PORT: '0', HOST: '127.0.0.1', LOG_LEVEL: 'silent' };
  const url = await startByCli('tasks/demo-task/demo-task.ts', 'demo-task', 'demoTask', env);
  const event = testEvent(data);
  const { headers, body } = HTTP.binary(event);
  const fields = Object.entries(headers).map(([name, value]): [string, string] => [name, String(value)]);
  expect((await fetch(url, { method: 'POST', headers: fields, body: String(body) })).status).toBe(204);
  expect((await postJson(url, {})).status).toBe(400);
});
