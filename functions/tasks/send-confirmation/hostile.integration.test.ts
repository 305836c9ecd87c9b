import PostalMime from 'postal-mime';
import { describe, expect, it } from 'vitest';
import { data, useTask } from './testing.ts';

const task = useTask();
const { post, status } = task;

describe('hostile input', () => {
  it.each([
    'asha@example.org, eve@example.org',
    'asha@example.org;eve@example.org',
    'Asha <asha@example.org>',
    '<asha@example.org>',
    '"a b"@example.org',
    'asha@example.org\r\nRCPT TO:<eve@example.org>',
    'asha@example.org\nBcc: eve@example.org',
    'asha\0@example.org',
    'asha@example.org ',
    'group:asha@example.org;',
    'asha@éxample.org',
    'аsha@example.org',
    'asha@[127.0.0.1]',
    'asha@localhost',
    'asha@example.org>',
    `${'a'.repeat(250)}@example.org`,
    ['asha@example.org', 'eve@example.org'],
    7,
  ])('in the place of the address is refused: %o', async (address) => {
    const answer = await post({ data: { ...data, email: address } });
    expect(answer.status).toBe(400);
    expect(answer.text).not.toMatch(/asha|eve/);
    expect(task.smtp.mails).toEqual([]);
  });

  it.each([
    ['<script>alert(1)</script>', '\r\nBcc: eve@example.org\r\n\r\n<img src=x onerror=alert(1)>'],
    ['\r\n.\r\nMAIL FROM:<eve@example.org>', '.\n..\n.'],
    ['\u202Egnp.exe\u2066\u200B\uFEFF', `Z${'\u0335'.repeat(5_000)}`],
    ['=?utf-8?B?RXZl?=', '${7*7} {{7*7}} %0d%0aBcc: eve@example.org'],
    ['x'.repeat(100_000), '😀'.repeat(25_000)],
  ])('in other fields is not in the mail: %#', async (name, message) => {
    expect(await status({ data: { ...data, name, message } })).toBe(204);
    expect(task.smtp.mails).toHaveLength(1);
    const [raw = ''] = task.smtp.mails;
    expect(raw.length).toBeLessThan(5_000);
    const plain = await PostalMime.parse(raw);
    await task.redis.look.flushall();
    expect(await status()).toBe(204);
    const usual = await PostalMime.parse(task.smtp.mails[1] ?? '');
    expect([plain.text, plain.html]).toEqual([usual.text, usual.html]);
    expect(plain.headers.map(({ key }) => key)).toEqual(usual.headers.map(({ key }) => key));
  });

  it('in an event’s id and form is escaped, and never in a header', async () => {
    const hostile = '<b>"&\u202E\u2028'.repeat(3);
    expect(await status({ id: hostile, form: hostile })).toBe(204);
    const { html, messageId, headers } = await PostalMime.parse(task.smtp.mails[0] ?? '');
    expect(html).not.toContain('<b>');
    expect(messageId).toMatch(/^<[0-9a-f]{64}@example\.org>$/);
    expect(headers.filter(({ key }) => key === 'subject')).toHaveLength(1);
  });
});
