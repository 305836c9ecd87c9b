import { startChild } from './child.ts';
import type { Env } from './environment.ts';
import { instanceEnv } from './instance.ts';
import type { Service } from './manifests.ts';

/**
 * Lets each function check its environment (`node main.mjs --check`), a few at a time.
 * Services with a command of their own are passed over: nothing is known of them.
 * @throws Error with what the functions said, and the manifest that it is about
 */
export async function checkFunctions({
  services,
  environments,
  bundle,
  compileCache,
  atOnce = 2,
}: {
  services: Service[];
  environments: Map<string, Env>;
  bundle: string;
  compileCache: string;
  atOnce?: number;
}) {
  const queue = services.filter(({ command }) => command === undefined);
  const problems: string[] = [];
  const work = async () => {
    for (let service = queue.shift(); service; service = queue.shift()) {
      const { name, file } = service;
      const child = await startChild({
        command: process.execPath,
        args: ['main.mjs', '--check'],
        cwd: bundle,
        env: instanceEnv(name, environments.get(name) ?? {}, compileCache),
      });
      const how = await child.exited;
      if (how !== 'exited with code 0') problems.push(`${file}: ${name} ${how}:\n${child.lastLines()}`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  if (problems.length > 0) throw new Error(problems.toSorted().join('\n'));
}
