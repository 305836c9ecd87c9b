import * as v from 'valibot';
import { publisherEnv } from '../publish/publish.ts';
import type { Env } from '../runtime/env.ts';
import { accessEnv } from './access.ts';

/** What every form reads from its environment. */
export const formEnv = {
  ...publisherEnv,
  ...accessEnv,
  SPREADSHEET_ID: v.pipe(
    v.string(),
    v.regex(/^[\w-]+$/, 'not an id'),
    v.description(
      "the id of the Google spreadsheet that this form's rows go to (the part of its address after /d/)",
    ),
  ),
  SHEET_TAB: v.pipe(
    v.optional(v.pipe(v.string(), v.regex(/^\P{Cc}{1,100}$/u, 'not 1 to 100 characters'))),
    v.description("the spreadsheet's tab (default: the form's name)"),
  ),
  IDEMPOTENCY_SECRET: v.pipe(
    v.string(),
    v.minLength(16, 'shorter than 16 characters'),
    v.description('a random text of 16 characters or more, the same in all forms'),
  ),
};

export type FormEnv = Env<typeof formEnv>;

/** Where a form's rows go. */
export function sheetOf({ SPREADSHEET_ID: spreadsheetId, SHEET_TAB: tab }: FormEnv, name: string) {
  return { spreadsheetId, tab: tab ?? name };
}
