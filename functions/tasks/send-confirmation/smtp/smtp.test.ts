import { describe, expect, it, onTestFinished } from 'vitest';
import { recordedLog } from '../../../testing/log.ts';
import { startTestSmtp, type Stage } from '../../../testing/smtp.ts';
import { openSmtp, type SmtpOptions } from './smtp.ts';

/** Short timeouts, for servers that never answer. */
const impatient = { timeouts: { connectMs: 1_000, silenceMs: 1_000 } };

async function open({
  pipelining = false,
  ...options
}: Partial<SmtpOptions> & { pipelining?: boolean } = {}) {
  const server = await startTestSmtp({ pipelining });
  const { url } = server;
  const common = { url, user: undefined, password: undefined, requireTls: false, log: recordedLog().log };
  const smtp = openSmtp({ ...common, ...options });
  onTestFinished(async () => {
    smtp.close();
    await server.close();
  });
  let given = 0;
  const note = async (): Promise<void> => void (given += 1);
  const send = (text = 'Hello', give = note) =>
    smtp.send(
      {
        from: { name: '', address: 'forms@example.org' },
        to: { name: '', address: 'asha@example.org' },
        envelope: { from: 'forms@example.org', to: ['asha@example.org'] },
        subject: 'Test',
        text,
      },
      give,
    );
  return { server, send, given: () => given };
}

describe.each([{ pipelining: false }, { pipelining: true }])('with pipelining: $pipelining', (how) => {
  it('sends a mail, and calls `give` before its first byte', async () => {
    const { server, send, given } = await open(how);
    const outcome = await send('Hello', async () => expect(server.commands.at(-1)).toBe('DATA'));
    expect(outcome).toEqual({ kind: 'sent' });
    expect(await send()).toEqual({ kind: 'sent' });
    expect([server.mails.length, given(), server.connections()]).toEqual([2, 1, 1]);
  });

  it.each<[Stage, string, string, string]>([
    ['connect', '421 4.3.2 too busy', 'again', ''],
    ['connect', '554 5.3.2 no service', 'again', ''],
    ['connect', 'drop', 'again', ''],
    ['connect', 'silence', 'again', ''],
    ['EHLO', 'drop', 'again', ''],
    ['EHLO', 'silence', 'again', ''],
    ['MAIL', '451 4.3.0 later', 'again', 'SMTP: MAIL FROM was answered 451 4.3.0'],
    ['MAIL', '553 5.1.8 no such sender', 'refused', 'SMTP: MAIL FROM was answered 553 5.1.8'],
    ['MAIL', 'drop', 'again', ''],
    ['MAIL', 'silence', 'again', ''],
    ['RCPT', '450 4.2.1 <asha@example.org> greylisted', 'deferred', 'SMTP: RCPT TO was answered 450 4.2.1'],
    ['RCPT', '550 5.1.1 <asha@example.org> unknown', 'refused', 'SMTP: RCPT TO was answered 550 5.1.1'],
    ['RCPT', '503 bad sequence', 'again', 'SMTP: RCPT TO was answered 503'],
    ['RCPT', '421 4.3.2 closing', 'again', ''],
    ['RCPT', 'drop', 'again', ''],
    ['RCPT', 'silence', 'again', ''],
    ['RCPT', '451 4.3.0 later', 'deferred', 'SMTP: RCPT TO was answered 451 4.3.0'],
    ['RCPT', '452 too many', 'deferred', 'SMTP: RCPT TO was answered 452'],
    ['DATA', '451 4.3.0 later', 'again', 'SMTP: DATA was answered 451 4.3.0'],
    ['DATA', '451 4.7.1 greylisted', 'deferred', 'SMTP: DATA was answered 451 4.7.1'],
    ['DATA', '554 5.7.1 no', 'refused', 'SMTP: DATA was answered 554 5.7.1'],
    ['DATA', 'drop', 'again', ''],
    ['DATA', 'silence', 'again', ''],
  ])('at %s, %s: the mail is not given, and the outcome is %s', async (stage, said, kind, reason) => {
    const { server, send, given } = await open({ ...how, ...(said === 'silence' ? impatient : {}) });
    server.at[stage] = said;
    const outcome = await send();
    expect(outcome).toMatchObject({ kind, reason: expect.stringContaining(reason) });
    expect(JSON.stringify(outcome)).not.toContain('asha');
    expect([server.mails, given()]).toEqual([[], 0]);
    server.at = {};
    await expect.poll(() => send()).toEqual({ kind: 'sent' });
  });

  it.each<[string, string, number]>([
    ['452 4.3.1 disk full', 'again', 0],
    ['452 4.2.2 mailbox full', 'deferred', 0],
    ['451 try later', 'deferred', 0],
    ['421 4.3.2 closing', 'again', 0],
    ['554 5.6.0 spam', 'refused', 0],
    ['354 what', 'unknown', 1],
    ['drop', 'unknown', 1],
    ['silence', 'unknown', 1],
  ])('after its final dot, %s: the outcome is %s', async (said, kind, kept) => {
    const { server, send, given } = await open({ ...how, ...(said === 'silence' ? impatient : {}) });
    server.at.content = said;
    expect(await send()).toMatchObject({ kind });
    expect([server.mails.length, given()]).toEqual([kept, 1]);
    server.at = {};
    await expect.poll(() => send()).toEqual({ kind: 'sent' });
  });
});

it('a connection that breaks before the final dot has delivered nothing', async () => {
  const { server, send } = await open();
  const { at } = server;
  // More than the buffers of both sides hold: the end of it is still here when the connection breaks.
  const large = 'x'.repeat(20_000_000);
  const outcome = send(large, async () => void setTimeout(() => void server.close(), 50));
  expect(await outcome).toMatchObject({ kind: 'again' });
  expect([server.mails, at]).toEqual([[], {}]);
});

it('sends nothing when `give` rejects, and returns the reason', async () => {
  const { server, send } = await open();
  const refused = await send('Hello', () => Promise.reject(new Error('not now')));
  expect(refused).toEqual({ kind: 'again', reason: 'not now' });
  expect(server.mails).toEqual([]);
  expect(await send()).toEqual({ kind: 'sent' });
});

it('the outcome is again when the server cannot be reached', async () => {
  const { server, send } = await open();
  await server.close();
  expect(await send()).toEqual({ kind: 'again', reason: 'SMTP: ESOCKET ECONNREFUSED CONN' });
});

it('a connection that the server has closed delivers nothing, and the next one works', async () => {
  const { server, send } = await open();
  expect(await send()).toEqual({ kind: 'sent' });
  server.at.MAIL = 'drop';
  expect(await send()).toMatchObject({ kind: 'again' });
  server.at = {};
  expect(await send()).toEqual({ kind: 'sent' });
  expect(server.mails).toHaveLength(2);
});

it('the time for a mail is limited, including the wait for a connection', async () => {
  const { server, send } = await open({ timeouts: { totalMs: 3_000 } });
  server.at.content = 'silence';
  const outcomes = await Promise.all(Array.from({ length: 12 }, () => send()));
  const kinds = outcomes.map(({ kind }) => kind);
  // Five have a connection and wait for the answer; one more may get a place in the moment in which these give up.
  const unknown = kinds.filter((kind) => kind === 'unknown').length;
  expect(server.mails.length).toBeGreaterThan(0);
  expect(unknown).toBeGreaterThanOrEqual(server.mails.length);
  // Nothing of the others was sent.
  expect(unknown).toBeLessThan(12);
  expect(kinds.filter((kind) => kind === 'again')).toHaveLength(12 - unknown);
});

it('logs in; the outcome of a refused login is again, because the mail is not the reason', async () => {
  const { server, send } = await open({ user: 'forms', password: 'secret' });
  server.at.AUTH = '535 5.7.8 wrong';
  expect(await send()).toEqual({ kind: 'again', reason: 'SMTP: AUTH PLAIN was answered 535 5.7.8' });
  server.at = {};
  expect(await send()).toEqual({ kind: 'sent' });
  const [, given = ''] =
    server.commands.find((command) => command.startsWith('AUTH'))?.split(' PLAIN ') ?? [];
  expect(Buffer.from(given, 'base64').toString()).toBe('\0forms\0secret');
});

it('where encryption is required, a server without it gets neither password nor mail', async () => {
  const { server, send } = await open({ user: 'forms', password: 'secret', requireTls: true });
  expect(await send()).toMatchObject({ kind: 'again' });
  expect(server.commands.join()).not.toMatch(/AUTH|MAIL/);
  expect(server.mails).toEqual([]);
});
