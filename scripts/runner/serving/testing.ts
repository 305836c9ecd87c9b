import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { startInstance } from './instance.ts';
import { logOutput, type Log } from '../log.ts';
import type { Service } from '../../manifests/types.ts';

/** A folder of the running test's own. */
export function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'formbus-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A log that is kept as `level from: message fields` lines. */
export function recordingLog(): Log & { lines: string[] } {
  const lines: string[] = [];
  const record = (level: string) => (fields: object, message: string) => {
    const { from = 'formbus', ...rest }: { from?: unknown } = { ...fields };
    lines.push(`${level} ${String(from)}: ${message} ${JSON.stringify(rest)}`);
  };
  return { lines, info: record('info'), warn: record('warn'), error: record('error') };
}

export function service(settings: Partial<Service> = {}): Service {
  return {
    name: 'demo',
    file: 'knative/demo.yaml',
    clusterLocal: false,
    env: [],
    containerConcurrency: 0,
    timeoutSeconds: 30,
    minScale: 0,
    maxScale: 0,
    target: 100,
    windowSeconds: 60,
    image: 'dev.local/formbus',
    command: ['node', 'demo.mjs'],
    args: [],
    ...settings,
  };
}

/**
 * A function as plain node:http. `/hold` answers when the gate opens, `/late` likewise after its first chunk, `/echo`
 * returns what came, `/refuse` answers 413 before the body is there, `/exit` ends the process, any other path returns the process id. SIGTERM lets it finish.
 */
export const demoFunction = `
import { createServer } from 'node:http';
const text = async (req) => { let body = ''; for await (const chunk of req) body += chunk; return body; };
const server = createServer(async (req, res) => {
  if (req.url === '/exit') process.exit(3);
  if (req.url === '/refuse') return req.resume(), res.writeHead(413, { connection: 'keep-alive' }).end('too large');
  if (req.url === '/late') res.write('first ');
  if (req.url === '/hold' || req.url === '/late') await fetch(process.env.GATE).then((answer) => answer.text());
  if (req.url === '/late') return res.end('last');
  if (req.url === '/slow-echo') return req.pipe(res);
  if (req.url.startsWith('/echo')) {
    const { method, url, headers, rawHeaders } = req;
    return res.writeHead(200, { 'content-type': 'application/json', 'x-two': ['a', 'b'] }).end(
      JSON.stringify({ method, url, headers, rawHeaders, body: await text(req), env: process.env }));
  }
  res.end(String(process.pid));
});
server.listen(process.env.PORT, process.env.HOST);
process.once('SIGTERM', () => {
  server.close(() => process.exit(0));
  setInterval(() => server.closeIdleConnections(), 5);
});
`;

/** Starts instances of a function given as the text of an ES module. */
export function launcher(
  code: string,
  { env = {}, log = recordingLog() }: { env?: Record<string, string>; log?: Log } = {},
) {
  const folder = tempFolder();
  writeFileSync(join(folder, 'demo.mjs'), code);
  return ({ name }: Pick<Service, 'name'>, signal?: AbortSignal) =>
    startInstance({
      name,
      command: process.execPath,
      args: ['demo.mjs'],
      cwd: folder,
      env,
      onLine: (line) => logOutput(log, name, line),
      ...(signal ? { signal } : {}),
    });
}

/** A server that answers no request until it is opened: holds requests in functions for as long as a test wants. */
export async function openGate() {
  const waiting = new Set<ServerResponse>();
  let open = false;
  const server = createServer((_, res) => {
    if (open) return res.end();
    waiting.add(res);
    return res.once('close', () => waiting.delete(res));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/`,
    /** How many are held. */
    count: () => waiting.size,
    open() {
      open = true;
      for (const res of waiting) res.end();
    },
    release(count: number) {
      for (const res of [...waiting].slice(0, count)) res.end();
    },
  };
}

/** A process that ended but was not yet waited for by its parent does not count. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux' || !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}
