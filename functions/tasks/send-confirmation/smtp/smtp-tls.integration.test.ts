import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { SMTPServer } from 'smtp-server';
import { afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import * as v from 'valibot';
import { recordedLog } from '../../../testing/log.ts';
import { openSmtp } from './smtp.ts';

const missing = spawnSync('openssl', ['version']).status !== 0 && process.env['CI'] !== 'true';
if (missing) console.warn('SMTP over TLS is not tested: install openssl (apt-get install openssl).');

describe.skipIf(missing)('over TLS', () => {
  let key: string;
  let cert: string;
  beforeAll(() => {
    const dir = mkdtempSync(join(tmpdir(), 'formbus-tls-'));
    const files = ['-keyout', join(dir, 'key.pem'), '-out', join(dir, 'cert.pem')];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    const how = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
    ];
    execFileSync('openssl', [...how, ...files, ...subject], { stdio: 'ignore' });
    key = readFileSync(join(dir, 'key.pem'), 'utf8');
    cert = readFileSync(join(dir, 'cert.pem'), 'utf8');
    rmSync(dir, { recursive: true });
  });
  const usual = getCACertificates('default');
  afterEach(() => setDefaultCACertificates(usual));

  /** A server that wants a login, and a client of it; `seen` is what came over an encrypted connection. */
  async function open(secure: boolean) {
    const seen: { user: unknown; secure: boolean }[] = [];
    const server = new SMTPServer({
      secure,
      key,
      cert,
      disableReverseLookup: true,
      onAuth: ({ username }, _, reply) => reply(null, { user: username }),
      onData(stream, session, reply) {
        stream.resume().on('end', () => {
          seen.push({ user: session.user, secure: session.secure });
          reply();
        });
      },
    });
    // Clients that do not trust it.
    server.on('error', () => {});
    const listening = server.listen(0, '127.0.0.1');
    await once(listening, 'listening');
    const { port } = v.parse(v.object({ port: v.number() }), server.server.address());
    const smtp = openSmtp({
      url: new URL(`${secure ? 'smtps' : 'smtp'}://forms:secret@localhost:${port}`),
      user: undefined,
      password: undefined,
      requireTls: true,
      log: recordedLog().log,
    });
    onTestFinished(async () => {
      smtp.close();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    });
    const envelope = { from: 'forms@example.org', to: ['asha@example.org'] };
    return { send: () => smtp.send({ envelope, text: 'Hello' }, async () => {}), seen };
  }

  it.each([{ secure: false }, { secure: true }])(
    'logs in and sends; TLS from the first byte on: $secure',
    async ({ secure }) => {
      setDefaultCACertificates([...usual, cert]);
      const { send, seen } = await open(secure);
      expect(await send()).toEqual({ kind: 'sent' });
      expect(seen).toEqual([{ user: 'forms', secure: true }]);
    },
  );

  it.each([{ secure: false }, { secure: true }])(
    'trusts no unknown certificate; TLS from the first byte on: $secure',
    async ({ secure }) => {
      const { send, seen } = await open(secure);
      expect(await send()).toMatchObject({
        kind: 'again',
        reason: expect.stringMatching(/SELF_SIGNED|ETLS|ESOCKET/),
      });
      expect(seen).toEqual([]);
    },
  );
});
