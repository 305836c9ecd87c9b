import { describe, expect, it } from 'vitest';
import { bodyOf, postJson } from '../../testing/sink.ts';
import { useDemoForm, valid } from './testing.ts';

const demo = useDemoForm();

describe('a submission', () => {
  it('is answered 202 with id, form and time, and is one CloudEvent with the fields of the form and no others', async () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const answer = await postJson(
      demo.url,
      { ...valid, extra: 'dropped', _url: '', '@id': 'x' },
      { traceparent },
    );
    expect(answer.status).toBe(202);
    const body = await bodyOf(answer);
    expect(body).toEqual({
      id: expect.stringMatching(/^[\da-f]{8}-[\da-f]{4}-7/),
      form: 'demo-form',
      receivedAt: expect.stringMatching(/Z$/),
    });
    expect(demo.sink.events).toHaveLength(1);
    expect({ ...demo.sink.events[0] }).toEqual({
      specversion: '1.0',
      type: 'form.submitted',
      source: '/forms/demo-form',
      id: body.id,
      time: body.receivedAt,
      datacontenttype: 'application/json',
      dataschema: expect.stringMatching(/^urn:formbus:form:demo-form:[\da-f]{8}$/),
      form: 'demo-form',
      sheet: 'spreadsheet-1/demo-form',
      partitionkey: body.id,
      traceparent,
      data: valid,
    });
  });

  it('is not answered before the sink has acknowledged', async () => {
    const held: (() => void)[] = [];
    demo.sink.answer = (res) => held.push(() => res.writeHead(202).end());
    let status = 0;
    const answered = postJson(demo.url, valid).then((answer) => (status = answer.status));
    await expect.poll(() => held.length).toBe(1);
    // A premature answer would have arrived before this.
    expect((await fetch(demo.url)).status).toBe(200);
    expect(status).toBe(0);
    held[0]?.();
    expect(await answered).toBe(202);
  });

  it('may come urlencoded or as multipart', async () => {
    const urlencoded = await fetch(demo.url, { method: 'POST', body: new URLSearchParams(valid) });
    const multipart = new FormData();
    for (const [key, value] of Object.entries(valid)) multipart.set(key, value);
    const second = await fetch(demo.url, { method: 'POST', body: multipart });
    expect([urlencoded.status, second.status]).toEqual([202, 202]);
    expect(demo.sink.events.map((event) => event.data)).toEqual([valid, valid]);
  });

  it('redirects a browser to the thank-you page', async () => {
    const body = new URLSearchParams(valid);
    const headers = { accept: 'text/html,application/xhtml+xml' };
    const answer = await fetch(demo.url, { method: 'POST', body, headers, redirect: 'manual' });
    expect(answer.status).toBe(303);
    const location = answer.headers.get('location') ?? '';
    expect(location).toBe(`./thanks?id=${demo.sink.events[0]?.id}`);
    const page = await (await fetch(new URL(location, demo.url))).text();
    expect(page).toContain('Thank you');
    expect(page).toContain(demo.sink.events[0]?.id);
  });

  it('loses control characters and outer white space, and keeps line breaks where the field has lines', async () => {
    await postJson(demo.url, { name: ' A\u0007s\nha\u200d ', message: '\u0001one\r\ntwo\tthree ' });
    expect(demo.sink.events[0]?.data).toEqual({ name: 'As ha\u200d', message: 'one\ntwo\tthree' });
  });

  it.each<unknown>([
    'http://spam.example',
    ['', 'http://spam.example'],
    [['http://spam.example']],
    { href: 'http://spam.example' },
    0,
    false,
  ])('with the honeypot filled with %j is answered like any other and kept as suspected', async (_url) => {
    const answer = await postJson(demo.url, { ...valid, _url });
    expect(answer.status).toBe(202);
    expect(await bodyOf(answer)).toMatchObject({ form: 'demo-form' });
    expect(demo.sink.events).toEqual([expect.objectContaining({ type: 'form.suspected', data: valid })]);
  });

  it('with a second, filled value of the honeypot is suspected, too', async () => {
    const body = new URLSearchParams([...Object.entries(valid), ['_url', ''], ['_url', 'spam']]);
    expect((await fetch(demo.url, { method: 'POST', body })).status).toBe(202);
    expect(demo.sink.events).toEqual([expect.objectContaining({ type: 'form.suspected', data: valid })]);
  });

  it.each<unknown>(['', null, [], ['', ''], undefined])(
    'with %j in the honeypot is a plain submission',
    async (_url) => {
      await postJson(demo.url, { ...valid, _url });
      expect(demo.sink.events).toEqual([expect.objectContaining({ type: 'form.submitted', data: valid })]);
    },
  );

  it('as multipart may have a file input in which nothing was chosen', async () => {
    const part = (name: string, value: string, file = '') =>
      `--x\r\nContent-Disposition: form-data; name="${name}"${file}\r\n\r\n${value}\r\n`;
    const noFile = '; filename=""\r\nContent-Type: application/octet-stream';
    const body = `${part('photo', '', noFile)}${part('name', '', noFile)}${part('name', 'Asha')}${part('message', 'Hello')}--x--\r\n`;
    const headers = { 'content-type': 'multipart/form-data; boundary=x' };
    expect((await fetch(demo.url, { method: 'POST', body, headers })).status).toBe(202);
    expect(demo.sink.events.map(({ data }) => data)).toEqual([valid]);
  });

  it('is refused with every failing field when fields are missing or wrong', async () => {
    const answer = await postJson(demo.url, { name: 'x'.repeat(101), message: ['a', 'b'] });
    expect(answer.status).toBe(422);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(await answer.json()).toMatchObject({
      status: 422,
      title: 'Unprocessable Content',
      errors: [
        { path: 'name', message: 'Use at most 100 characters; there are 101.' },
        { path: 'message', message: 'Send this as a text.' },
      ],
    });
    expect((await bodyOf(await postJson(demo.url, {})))['errors']).toHaveLength(2);
    expect(demo.sink.events).toEqual([]);
  });
});
