import { form, text } from 'formbus';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { demoForm } from '../../../forms/demo-form/demo-form.ts';
import { bodyOf, formEnv, postJson } from '../../../testing/sink.ts';
import { serve } from '../../serve/serve.ts';
import { useDemoForm, valid } from '../testing.ts';

const demo = useDemoForm();

describe('an idempotency key', () => {
  const submit = async (key: string, fields: object = valid) =>
    (await bodyOf(await postJson(demo.url, fields, { 'idempotency-key': key })))['id'];

  it('makes the same id for the same submission, whatever the order of its fields', async () => {
    const first = await submit('1');
    expect(await submit('1', { message: valid.message, name: valid.name })).toBe(first);
    expect(first).toMatch(/^[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-[89ab]/);
    expect(first).not.toContain('1'.repeat(4));
  });

  it('makes other ids for another key and for other content', async () => {
    const ids = [
      await submit('1'),
      await submit('2'),
      await submit('1', { ...valid, name: 'Somebody else' }),
    ];
    expect(new Set(ids).size).toBe(3);
  });

  it('is carried by the page in a hidden field', async () => {
    const page = await (await fetch(demo.url)).text();
    const token = /name="_token" value="([^"]+)"/.exec(page)?.[1] ?? '';
    expect(token).toMatch(/^[\da-f-]{36}$/);
    const ids: unknown[] = [];
    for (let i = 0; i < 2; i += 1)
      ids.push((await bodyOf(await postJson(demo.url, { ...valid, _token: token })))['id']);
    expect(ids[0]).toBe(ids[1]);
  });

  it('of more than 255 characters is refused', async () => {
    const key = (length: number) => ({ 'idempotency-key': 'k'.repeat(length) });
    expect((await postJson(demo.url, valid, key(255))).status).toBe(202);
    const refused = await postJson(demo.url, valid, key(256));
    expect(refused.status).toBe(400);
    expect((await bodyOf(refused))['detail']).toBe('The idempotency key may have at most 255 characters.');
  });

  it('makes a different id with another secret, and in another form', async () => {
    const idOf = async (definition: typeof demoForm, secret: string) => {
      const form = await serve(definition, { env: formEnv(demo.sink, { IDEMPOTENCY_SECRET: secret }) });
      const answer = await bodyOf(await postJson(form.url, valid, { 'idempotency-key': '1' }));
      await form.close();
      return answer['id'];
    };
    const other = form(
      'other-form',
      v.object({ name: text('A', { max: 9 }), message: text('B', { max: 9 }) }),
    );
    const ids = [await idOf(demoForm, 'the first secret'), await idOf(demoForm, 'another secret 2')];
    ids.push(await idOf(other, 'the first secret'));
    expect(new Set(ids).size).toBe(3);
    expect(await idOf(demoForm, 'the first secret')).toBe(ids[0]);
  });

  it('without a value, or a token that comes twice, is ignored', async () => {
    expect(await submit('')).toMatch(/^[\da-f]{8}-[\da-f]{4}-7/);
    const answer = await postJson(demo.url, { ...valid, _token: ['a', 'b'] });
    expect((await bodyOf(answer))['id']).toMatch(/^[\da-f]{8}-[\da-f]{4}-7/);
  });

  it('in the header takes precedence over the token of the page', async () => {
    const first = await submit('1');
    expect(await submit('1', { ...valid, _token: 'a' })).toBe(first);
    expect(await submit('', { ...valid, _token: '1' })).toBe(first);
  });

  it('needs a secret of 16 characters or more', async () => {
    const start = (length: number) =>
      serve(demoForm, { env: formEnv(demo.sink, { IDEMPOTENCY_SECRET: 's'.repeat(length) }) });
    await expect(start(15)).rejects.toThrow('IDEMPOTENCY_SECRET is wrong (shorter than 16 characters)');
    await (await start(16)).close();
  });
});
