import { choice, decimal, email, form, phone, text } from 'formbus';
import * as v from 'valibot';
import { expect, it, onTestFinished } from 'vitest';
import { serve } from '../../../functions/lib/serve/serve.ts';
import { formEnv, postJson, startSink } from '../../../functions/testing/sink.ts';
import { bodiesFor } from './body.ts';

it.each([true, false])(
  'fills in every kind of field so that the form takes it, required: %s',
  async (required) => {
    const fields = {
      line: text('Line', { max: 20, required }),
      mail: email('E-mail', { required }),
      tel: phone('Telephone', { required }),
      number: decimal('Number', { min: 0, max: 10, required }),
      one: choice('One', { options: { a: 'A' }, required }),
    };
    const sink = await startSink();
    onTestFinished(() => sink.close());
    const served = await serve(form('any-form', v.object(fields)), { env: formEnv(sink) });
    onTestFinished(() => served.close());
    const bodies = bodiesFor(await (await fetch(`${served.url}/schema.json`)).json());
    for (const n of [1, 2]) expect((await postJson(served.url, bodies(n))).status).toBe(202);
    for (const { data } of sink.events) expect(Object.values(Object(data))).not.toContain('');
  },
);
