import type { Batch } from '../../lib/buffer/types.ts';
import type { Collaborators } from './types.ts';
import { reasonOf } from '../../lib/runtime/log.ts';
import type { SheetRequest } from '../../lib/sheets/sheets.ts';

/*
 * A token is developer metadata of the spreadsheet. Its id is a batch's sequence number. Its value names the rows that came with it
 * (16 hexadecimal characters, or `void` for a number that was taken out of use), the installation (6 characters), and the time of the number
 * (5 characters: minutes since 1970 in base 36). Tokens of older versions have the first part only.
 */

/** Google keeps 30,000 characters of keys and values, and a token takes 29: that is room for three installations and what people add. */
const keptTokens = 256;
/** An installation compares a batch that is in flight for so long with the sheet, by its ids, before it sends it again. */
const foreignMs = 86_400_000;

/** Stands in a token in place of a digest when its batch was refused: a call with that batch that is still on its way cannot be carried out any more. */
export const fenced = 'void';

interface Token {
  /** The digest of a batch, or `fenced`. */
  content: string;
  /** Undefined for a token of an older version. */
  installation: string | undefined;
  /** When its number was given, in milliseconds since 1970. */
  at: number | undefined;
}

export function tokenValue(
  { installation, numberedAt }: Pick<Batch, 'installation' | 'numberedAt'>,
  content: string,
): string {
  return `${content}${installation}${Math.floor(numberedAt / 60_000)
    .toString(36)
    .padStart(5, '0')}`;
}

/** Undefined when something that is not a token has the number. */
export function parseToken(value: string): Token | undefined {
  const [, content, installation, minutes] =
    /^([\da-f]{16}|void)(?:([\da-z]{6})([\da-z]{5}))?$/.exec(value) ?? [];
  if (content === undefined) return undefined;
  return {
    content,
    installation,
    at: minutes === undefined ? undefined : Number.parseInt(minutes, 36) * 60_000,
  };
}

/**
 * Deletes tokens that no request can come back to: of this installation all but the newest 256, of others those older than a day.
 * A failure is logged; the next time makes up for it.
 */
export async function deleteOldTokens(
  { spreadsheetId, target, sequence, installation }: Batch,
  { sheets, log, now = Date.now }: Collaborators,
): Promise<'deleted' | 'none' | 'failed'> {
  try {
    const old = (await sheets.tokens(target)).filter((one) => {
      const token = parseToken(one.value);
      const isForeign = token?.installation !== undefined && token.installation !== installation;
      return isForeign ? (token.at ?? 0) < now() - foreignMs : one.sequence <= sequence - keptTokens;
    });
    if (old.length > 0) await sheets.apply(target, old.map(deletion));
    log.info({ spreadsheetId, tokens: old.length }, 'old tokens deleted');
    return old.length > 0 ? 'deleted' : 'none';
  } catch (error) {
    log.warn({ spreadsheetId, reason: reasonOf(error) }, 'old tokens not deleted');
    return 'failed';
  }
}

function deletion({ sequence: metadataId }: { sequence: number }): SheetRequest {
  return { deleteDeveloperMetadata: { dataFilter: { developerMetadataLookup: { metadataId } } } };
}
