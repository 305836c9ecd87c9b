import { createConnection } from 'node:net';
import { once } from 'node:events';
import { describe, expect, onTestFinished, test } from 'vitest';
import * as v from 'valibot';
import { temporaryFolder } from '../testing.ts';
import { startMails } from './server.ts';
import { openMailStore } from './store.ts';
import { sendTo, startSmtpChild, testMails } from './testing.ts';

async function json(url: string, init?: RequestInit): Promise<unknown> {
  return (await fetch(url, init)).json();
}

/** The code that the client was answered or, without an answer, what its library calls it. */
async function heard(sent: Promise<unknown>): Promise<unknown> {
  const Failure = v.object({ code: v.string(), responseCode: v.optional(v.number()) });
  try {
    await sent;
    return 250;
  } catch (error) {
    const { code, responseCode = code } = v.parse(Failure, error);
    return responseCode;
  }
}

describe('what was answered 250', () => {
  test('is listed, newest first, with its envelope; one mail has its headers, text, HTML and bytes', async () => {
    const { pages, send } = await testMails();
    await send({ subject: 'Grüße 😀', messageId: '<1@example.org>', html: '<b>Hi</b>' });
    await send({ subject: 'Two', to: ['bo@example.org', 'cy@example.org'] });
    expect(await json(pages)).toMatchObject([
      { id: 2, from: 'forms@example.org', to: ['bo@example.org', 'cy@example.org'], subject: 'Two' },
      {
        id: 1,
        to: ['asha@example.org'],
        subject: 'Grüße 😀',
        messageId: '<1@example.org>',
        at: expect.any(String),
      },
    ]);
    expect(await json(`${pages}?before=2`)).toMatchObject([{ id: 1 }]);
    const one = await json(`${pages}/1.json`);
    expect(one).toMatchObject({ id: 1, text: 'Hello\n', html: expect.stringContaining('<b>Hi</b>') });
    expect(one).toMatchObject({
      headers: expect.arrayContaining([expect.objectContaining({ key: 'date' })]),
    });
    const eml = await fetch(`${pages}/1.eml`);
    expect(eml.headers.get('content-type')).toBe('message/rfc822');
    expect(await eml.text()).toContain('Message-ID: <1@example.org>\r\n');
  });

  test('is there after a restart on the same folder', async () => {
    const dir = temporaryFolder();
    const first = await startMails({ dir });
    await sendTo(first.url);
    await first.close();
    const { pages, send } = await testMails(dir);
    await send({ subject: 'Later' });
    expect(await json(pages)).toMatchObject([
      { id: 2, subject: 'Later' },
      { id: 1, subject: 'Test' },
    ]);
  });

  test('is there after SIGKILL right behind the answer', async () => {
    const dir = temporaryFolder();
    const child = await startSmtpChild(dir);
    onTestFinished(child.close);
    const { response } = await sendTo(child.url);
    await child.kill();
    expect(response).toMatch(/^250 /);
    const store = openMailStore(dir);
    expect(store.list(99, 99)).toMatchObject([{ subject: 'Test' }]);
    store.close();
  });
});

test('mails that come at once are all kept, each under an id of its own', async () => {
  const { pages, send } = await testMails();
  const subjects = Array.from({ length: 20 }, (_, n) => `Mail ${n}`);
  await Promise.all(subjects.map((subject) => send({ subject })));
  const kept = v.parse(v.array(v.object({ id: v.number(), subject: v.string() })), await json(pages));
  expect(kept.map(({ subject }) => subject).toSorted()).toEqual(subjects.toSorted());
  expect(new Set(kept.map(({ id }) => id)).size).toBe(20);
});

test('a client that goes away in the middle of a mail has sent none', async () => {
  const { mails, pages, send } = await testMails();
  const socket = createConnection(Number(new URL(mails.url).port), '127.0.0.1');
  for (const line of ['EHLO x', 'MAIL FROM:<a@example.org>', 'RCPT TO:<b@example.org>', 'DATA']) {
    await once(socket, 'data');
    socket.write(`${line}\r\n`);
  }
  await once(socket, 'data');
  socket.write('Subject: half\r\n\r\nnot all of');
  socket.end();
  await once(socket, 'close');
  await send({ subject: 'Whole' });
  expect(await json(pages)).toMatchObject([{ id: 1, subject: 'Whole' }]);
});

test('what can’t be read as a mail is kept as it came', async () => {
  const { pages, send } = await testMails();
  await send({ raw: Buffer.from([0xff, 0x00, 0x0d, 0x0a, 0x3a, 0x3a]) });
  expect(await json(pages)).toMatchObject([{ id: 1, subject: '' }]);
  expect((await fetch(`${pages}/1`)).status).toBe(200);
  expect(new Uint8Array(await (await fetch(`${pages}/1.eml`)).arrayBuffer()).subarray(0, 2)).toEqual(
    new Uint8Array([0xff, 0x00]),
  );
});

describe('faults', () => {
  const post = (pages: string, fault: unknown) =>
    json(`${pages}/faults`, { method: 'POST', body: JSON.stringify(fault) });

  test.each([
    [{ kind: 'refuse', at: 'connect', code: 421 }, 421, 0],
    [{ kind: 'refuse', at: 'sender', code: 553 }, 553, 0],
    [{ kind: 'refuse', code: 450 }, 450, 0],
    [{ kind: 'refuse', at: 'mail', code: 554 }, 554, 0],
    [{ kind: 'drop-before' }, 'ECONNECTION', 0],
    [{ kind: 'drop-after' }, 'ECONNECTION', 1],
  ])('%o: the client hears %s and %i mails are kept; the next one is taken', async (fault, code, kept) => {
    const { mails, pages, send } = await testMails();
    await post(pages, fault);
    expect(await heard(send())).toBe(code);
    expect(await json(pages)).toHaveLength(kept);
    expect((await send()).response).toMatch(/^250/);
    expect(mails.faults.list()).toEqual([]);
  });

  test('delay: the mail is kept, and acknowledged later', async () => {
    const { pages, send } = await testMails();
    await post(pages, { kind: 'delay', ms: 200 });
    const sent = send();
    await expect.poll(() => json(pages)).toHaveLength(1);
    expect((await sent).response).toMatch(/^250/);
  });

  test('away: no server is there until the faults are removed; then the port is the same', async () => {
    const { pages, send } = await testMails();
    expect(await post(pages, { kind: 'away', ms: 600_000 })).toMatchObject({ waiting: [{ kind: 'away' }] });
    expect(await heard(send())).toBe('ECONNECTION');
    expect(await json(`${pages}/faults`, { method: 'DELETE' })).toMatchObject({ waiting: [] });
    expect(await heard(send())).toBe(250);
  });

  test('several wait in order, as often as they say; an unknown one is refused with the kinds that there are', async () => {
    const { pages, send } = await testMails();
    await post(pages, [
      { kind: 'refuse', code: 450, times: 2 },
      { kind: 'refuse', code: 550 },
    ]);
    const codes = [await heard(send()), await heard(send()), await heard(send())];
    expect(codes).toEqual([450, 450, 550]);
    for (const wrong of ['x', { kind: 'x' }, { kind: 'refuse', code: 250 }, { kind: 'away', times: 2 }])
      expect(await post(pages, wrong)).toMatchObject({
        status: 400,
        detail: expect.stringContaining('not a fault'),
        kinds: {},
      });
    expect(await post(pages, { kind: 'refuse', code: 452, what: 'recipient' })).toMatchObject({
      detail: expect.stringContaining('"what"'),
    });
  });
});

describe('the pages', () => {
  const browser = { headers: { accept: 'text/html,*/*' }, redirect: 'manual' as const };

  test('a browser is led from the JSON to the page', async () => {
    const { pages } = await testMails();
    const answer = await fetch(pages, browser);
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/_/mails/']);
    expect(await (await fetch(`${pages}/`, browser)).text()).toContain('No mails yet');
    expect((await fetch(pages, { method: 'POST' })).status).toBe(405);
    expect((await fetch(`${pages}/9`)).status).toBe(404);
    expect((await fetch(`${pages}/9`, browser)).status).toBe(404);
    expect((await fetch(`${pages}?before=x`)).status).toBe(400);
  });

  test('hold nothing of a mail as markup; its HTML is at an address of its own, in a sandbox', async () => {
    const { pages, send } = await testMails();
    const evil = '<script>alert(1)</script><img src=x onerror="alert(2)">';
    await send({ subject: evil, text: evil, html: evil, headers: { 'X-Evil': evil } });
    for (const page of [`${pages}/`, `${pages}/1`]) {
      const answer = await fetch(page, browser);
      const text = await answer.text();
      expect(text).not.toContain('<script>alert');
      expect(text).not.toContain('<img');
      expect(answer.headers.get('content-security-policy')).toMatch(
        /default-src 'none'.*script-src 'sha256-/,
      );
    }
    const html = await fetch(`${pages}/1.html`);
    expect(await html.text()).toContain(evil);
    expect(html.headers.get('content-security-policy')).toMatch(/^sandbox; default-src 'none';/);
  });

  test('a page that did not change is answered 304', async () => {
    const { pages, send } = await testMails();
    const etag = (await fetch(`${pages}/`)).headers.get('etag') ?? '';
    const again = { headers: { 'if-none-match': etag } };
    expect((await fetch(`${pages}/`, again)).status).toBe(304);
    await send();
    expect((await fetch(`${pages}/`, again)).status).toBe(200);
  });
});
