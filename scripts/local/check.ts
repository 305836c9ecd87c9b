import { startChild } from './child.ts';
import type { Env } from './environment.ts';
import { instanceEnv } from './instance.ts';
import type { Service } from './manifests.ts';

/**
 * Lets each function check its environment (`node main.mjs --check`), a few processes at a time: one for many functions that have
 * the same environment, as forms have.
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
  const envOf = ({ name }: Service) => environments.get(name) ?? {};
  const check = async (first: Service, ...others: Service[]): Promise<string[]> => {
    const child = await startChild({
      command: process.execPath,
      args: ['main.mjs', '--check', ...others.map(({ name }) => name)],
      cwd: bundle,
      env: instanceEnv(first.name, envOf(first), compileCache),
    });
    const how = await child.exited;
    if (how === 'exited with code 0') return [];
    if (others.length === 0) return [`${first.file}: ${first.name} ${how}:\n${child.lastLines()}`];
    // Whose fault it is, each tells by itself.
    const problems: string[] = [];
    for (const service of [first, ...others]) problems.push(...(await check(service)));
    return problems;
  };

  const alike = Map.groupBy(
    services.filter(({ command }) => command === undefined),
    (service) => {
      const { FUNCTION_TARGET: target, ...env } = envOf(service);
      return `${target === service.name || service.name} ${JSON.stringify(env, Object.keys(env).toSorted())}`;
    },
  );
  const queue = [...alike.values()].flatMap((group) => partsOf(group, Math.ceil(group.length / atOnce)));
  const problems: string[] = [];
  const work = async () => {
    for (let group = queue.shift(); group; group = queue.shift()) problems.push(...(await check(...group)));
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  if (problems.length > 0) throw new Error(problems.toSorted().join('\n'));
}

function partsOf<T>(all: T[], size: number): [T, ...T[]][] {
  const [first, ...others] = all;
  if (first === undefined) return [];
  return [[first, ...others.slice(0, size - 1)], ...partsOf(others.slice(size - 1), size)];
}
