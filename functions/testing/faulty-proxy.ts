import { createServer } from 'node:http';

/** What goes wrong with the next batchUpdate: before or after it was applied, or its answer takes too long. */
export type Fault =
  | 'break off before'
  | 'apply, then break off'
  | 'apply, then 503'
  | 'apply, then never answer'
  | '429'
  | '403';

export interface FaultyProxy {
  url: string;
  /** Taken one after the other by the batchUpdates that come. */
  faults: Fault[];
  /** Method and path of all calls. */
  calls: string[];
  /** Called before a batchUpdate is passed on. */
  onBatch: (() => Promise<void>) | undefined;
  close(): Promise<void>;
}

/** Stands between a flush and the Sheets emulator and misbehaves on demand. */
export async function startFaultyProxy(target: string): Promise<FaultyProxy> {
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      pass(req.method ?? 'GET', req.url ?? '/', Buffer.concat(chunks)).then(
        (answer) => {
          if (answer === 'nothing') return;
          if (answer === 'break') res.destroy();
          else res.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body);
        },
        () => res.destroy(),
      );
    });
  });
  async function pass(method: string, path: string, body: Buffer) {
    proxy.calls.push(`${method} ${path.replace(/\?.*/, '')}`);
    const isBatch = path.endsWith(':batchUpdate');
    if (isBatch) await proxy.onBatch?.();
    const fault = isBatch ? proxy.faults.shift() : undefined;
    if (fault === 'break off before') return 'break';
    if (fault === '429' || fault === '403') {
      return {
        status: Number(fault),
        body: JSON.stringify({ error: { code: Number(fault), message: 'no', status: 'X' } }),
      };
    }
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(target + path, {
      method,
      headers,
      ...(body.length > 0 ? { body: new Uint8Array(body) } : {}),
    });
    const text = await answer.text();
    if (fault === 'apply, then break off') return 'break';
    if (fault === 'apply, then 503') return { status: 503, body: '{}' };
    if (fault === 'apply, then never answer') return 'nothing';
    return { status: answer.status, body: text };
  }
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const proxy: FaultyProxy = {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    faults: [],
    calls: [],
    onBatch: undefined,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return proxy;
}
