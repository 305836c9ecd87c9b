export interface CommandOptions {
  /** The exit code when it could not do its work. */
  failed?: number;
  /** Ends the process after an error, whatever is still open in it. */
  isAbrupt?: boolean;
}

/** Runs a command of `formbus`: prints its help when --help is among the arguments, and an error as text, without its stack. */
export function command(
  help: string,
  main: () => void | Promise<void>,
  { failed = 2, isAbrupt = false }: CommandOptions = {},
): void {
  if (wantsHelp(process.argv.slice(2))) return void process.stdout.write(help);
  run(main).catch((error: unknown) => {
    console.error(textOf(error));
    process.exitCode ||= failed;
    if (isAbrupt) process.exit();
  });
}

/** An error thrown before the first `await` is one like any other. */
async function run(main: () => void | Promise<void>): Promise<void> {
  await main();
}

/** What comes after `--` is not an option. */
function wantsHelp(args: string[]): boolean {
  const end = args.indexOf('--');
  return (end < 0 ? args : args.slice(0, end)).includes('--help');
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const [, missing] = /^Cannot find package '([^']+)'/.exec(error.message) ?? [];
  if (missing !== undefined)
    return `This needs the package ${missing}, which is not installed: npm install --save-dev ${missing}`;
  const isOfArguments = 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
  return isOfArguments ? `${error.message}; see --help` : error.message;
}
