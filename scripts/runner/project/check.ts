import { startChild } from '../processes/child.ts';
import type { Env } from './environment.ts';
import { instanceEnv } from '../serving/instance.ts';
import type { Service } from '../../manifests/types.ts';

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
    // Checked one by one, each reports its own mistakes.
    const problems: string[] = [];
    for (const service of [first, ...others]) problems.push(...(await check(service)));
    return problems;
  };

  const alike = Map.groupBy(
    services.filter((one) => !one.command && envOf(one)['FUNCTION_TARGET']),
    (service) => {
      const { FUNCTION_TARGET: target, ...env } = envOf(service);
      return `${target === service.name || service.name} ${JSON.stringify(env, Object.keys(env).toSorted())}`;
    },
  );
  const queue = [...alike.values()].flatMap((group) => partsOf(group, Math.ceil(group.length / atOnce)));
  const problems = services.filter((one) => !one.command && !envOf(one)['FUNCTION_TARGET']).map(foreignImage);
  const work = async () => {
    for (let group = queue.shift(); group; group = queue.shift()) problems.push(...(await check(...group)));
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  if (problems.length > 0) throw new Error(problems.toSorted().join('\n'));
}

/** A foreign image starts a program that only the image knows. */
const foreignImage = ({ file, name, image }: Service) =>
  `${file}: ${name} has no FUNCTION_TARGET, so that only its image ${image} knows what it starts, and npm start runs no images. ` +
  `Give the container a command that runs on this machine, as [python3, functions/tasks/${name}/${name}.py]; ` +
  `on a cluster it takes the place of what the image starts. A function of this project has FUNCTION_TARGET.`;

function partsOf<T>(all: T[], size: number): [T, ...T[]][] {
  const [first, ...others] = all;
  if (first === undefined) return [];
  return [[first, ...others.slice(0, size - 1)], ...partsOf(others.slice(size - 1), size)];
}
