import { SheetsError } from '../../../lib/sheets/sheets-error.ts';

/** Resolves with Google's refusal, undefined when it took the batch. A refusal is certain; any other failure is thrown. */
export async function refusalOf(applied: Promise<void>): Promise<SheetsError | undefined> {
  try {
    await applied;
    return undefined;
  } catch (error) {
    if (error instanceof SheetsError && (error.status === 400 || error.status === 413)) return error;
    throw error;
  }
}
