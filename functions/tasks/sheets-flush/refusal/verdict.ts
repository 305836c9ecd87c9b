import { isDeepStrictEqual } from 'node:util';
import type { Batch } from '../../../lib/buffer/types.ts';
import type { TabLayout } from '../../../lib/sheets/layout.ts';
import { isFull } from '../../../lib/sheets/spreadsheet-pool.ts';
import { fenced, parseToken } from '../tokens.ts';

/** What is known after a batch was refused. */
export interface Evidence {
  batch: Pick<Batch, 'digest' | 'installation'>;
  /** The value of the token with the batch's number; undefined when nothing has the number. */
  token: string | undefined;
  /** The tabs that the batch was made for, and the tabs as they are now. */
  sentTo: TabLayout[];
  now: TabLayout[];
  /** The refusal is our own: the rows continue in another spreadsheet. */
  isClosed: boolean;
}

/**
 * What a refusal means.
 * - `written`: the same rows in the same order stand in the sheet, whoever wrote them.
 * - `changed`: somebody changed tabs or columns after the look at them.
 * - `unfenced`: the number is free, so the batch could still arrive; first take the number out of use.
 *
 * With its number out of use, the batch may go elsewhere:
 * - `moved`: the rows continue in another spreadsheet, and Redis does not know it.
 * - `full`: there may be no room left.
 * - `refused`: a tab or a row is at fault.
 *
 * The number belongs to other rows, so Redis has lost its state, or somebody else writes to the spreadsheet:
 * - `foreign`: to rows of another installation.
 * - `taken`: to rows of this one, or to something that is not a token.
 */
export type Verdict = 'written' | 'changed' | 'unfenced' | 'moved' | 'full' | 'refused' | 'foreign' | 'taken';

export function verdictOf({ batch, token: value, sentTo, now, isClosed }: Evidence): Verdict {
  if (value === undefined) return isDeepStrictEqual(placesOf(sentTo), placesOf(now)) ? 'unfenced' : 'changed';
  const token = parseToken(value);
  if (token?.content === batch.digest) return 'written';
  // Tokens without an installation are from before tokens named it, and this one's.
  const isOurs = (token?.installation ?? batch.installation) === batch.installation;
  if (!isOurs) return 'foreign';
  if (token?.content !== fenced) return 'taken';
  if (isClosed) return 'moved';
  return isFull(sentTo) ? 'full' : 'refused';
}

/** What the requests of a batch rest on: all but the number of rows. */
function placesOf(layout: TabLayout[]) {
  return layout.map((tab) => ({ ...tab, rowCount: 0, free: 0 }));
}
