import * as v from 'valibot';
import { call } from '../client/call.ts';
import type { Letter, Letters } from './letters.ts';

const Page = v.array(
  v.pipe(
    v.object({
      id: v.number(),
      trigger: v.string(),
      at: v.string(),
      redrivenAt: v.optional(v.string(), ''),
      attributes: v.looseObject({
        id: v.string(),
        type: v.string(),
        form: v.optional(v.string(), ''),
        knativeerrorcode: v.optional(v.string(), ''),
        knativeerrordata: v.optional(v.string(), ''),
      }),
      data: v.optional(v.string()),
      dataBase64: v.optional(v.string(), ''),
    }),
    v.transform(({ id, trigger, at, redrivenAt, attributes, data, dataBase64 }): Letter => ({
      id: String(id),
      at,
      redrivenAt,
      task: trigger,
      event: attributes.id,
      type: attributes.type,
      form: attributes.form,
      code: attributes.knativeerrorcode,
      reason: Buffer.from(attributes.knativeerrordata, 'base64').toString(),
      data: data ?? `(base64) ${dataBase64}`,
    })),
  ),
);
const Queued = v.object({ queued: v.number() });

/** The dead letters in the log of a Formbus that runs on this machine. */
export function openLoggedLetters(url: string): Letters {
  return {
    async list() {
      const letters: Letter[] = [];
      for (let before = 10 ** 15 - 1; ;) {
        const page = await call(Page, url, `/_/dead-letters?before=${before}`);
        letters.push(...page);
        const last = page.at(-1);
        if (!last) return letters.toReversed();
        before = Number(last.id);
      }
    },
    async redrive(letters) {
      let count = 0;
      for (let first = 0; first < letters.length; first += atOnce) {
        const ids = letters.slice(first, first + atOnce).map(({ id }) => Number(id));
        const body = JSON.stringify({ ids });
        const { queued } = await call(Queued, url, '/_/dead-letters/redrive', { method: 'POST', body });
        count += queued;
      }
      return count;
    },
  };
}

const atOnce = 1_000;
