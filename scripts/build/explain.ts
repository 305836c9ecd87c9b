import { formatMessages, type BuildFailure } from 'esbuild';

/** What esbuild says of code that does not bundle, with the places. */
export async function explain(error: unknown): Promise<string> {
  if (!isBuildFailure(error)) return String(error);
  return (await formatMessages(error.errors, { kind: 'error' })).join('');
}

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && 'errors' in error && Array.isArray(error.errors);
}
