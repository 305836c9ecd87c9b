import * as v from 'valibot';
import { EnvError, readEnv } from './lib/runtime/env.ts';
import { loadModule } from './lib/runtime/load.ts';
import type { FunctionDefinition } from './lib/serve/definition.ts';
import { checkEnv, serve } from './lib/serve/serve.ts';
import { nameSourceLines } from './lib/runtime/source-lines.ts';

/**
 * Starts the function that FUNCTION_TARGET names. With `--check [NAME…]` it only checks the environment: that function's, and as if
 * they had been meant, that of the functions named.
 */
async function main(): Promise<void> {
  const { FUNCTION_TARGET } = readEnv({
    FUNCTION_TARGET: v.pipe(
      v.string(),
      v.regex(/^[a-z0-9-]+$/, 'not a function name'),
      v.description('the name of the function to serve, e.g. demo-form'),
    ),
  });
  const [option, ...others] = process.argv.slice(2);
  if (option === '--check') {
    for (const name of [FUNCTION_TARGET, ...others]) checkEnv(await load(name));
    return;
  }
  const served = await serve(await load(FUNCTION_TARGET));
  process.once('SIGTERM', () => {
    served.close().then(() => process.exit(0), stop);
  });
}

async function load(name: string): Promise<FunctionDefinition> {
  const exported = await loadModule(name);
  if (!exported)
    throw new EnvError(
      `FUNCTION_TARGET names no function: ${name}; set it to the name of a folder in functions/.`,
    );
  const definition = exported.find((value) => isDefinition(value, name));
  if (!definition) throw new Error(`The file of ${name} exports no form or task with the name "${name}".`);
  return definition;
}

function isDefinition(value: unknown, name: string): value is FunctionDefinition {
  return (
    typeof value === 'object' && value !== null && 'start' in value && 'name' in value && value.name === name
  );
}

function stop(error: unknown) {
  const text =
    error instanceof EnvError ? error.message : error instanceof Error ? error.stack : 'unknown error';
  process.stderr.write(`${text}\n`);
  process.exit(1);
}

nameSourceLines();
main().catch(stop);
