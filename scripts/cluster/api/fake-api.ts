import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { KubernetesObject, V1Pod, V1Status } from '@kubernetes/client-node';
import * as v from 'valibot';
import { WebSocketServer } from 'ws';

/** A Kubernetes API server with the objects that a test puts into it. It knows only the calls of this project. */
export interface FakeApi {
  /** By path, such as `/api/v1/namespaces/n/pods/p`; lists are made from these. */
  objects: Map<string, KubernetesObject>;
  /** The metrics of queue-proxy at port 9090, by pod. Other pods cannot be reached. */
  stats: Map<string, Buffer>;
  /** Logs, by pod. */
  logs: Map<string, string>;
  /** The local port behind a forwarded port: `pod:port` → port. */
  ports: Map<string, number>;
  /** Method and path of each call that changed something. */
  changes: string[];
  /** Called after each change. */
  onChange: (method: string, path: string) => void;
  /** The status of every answer, when it is set. */
  broken: number | undefined;
  /** Forwarded connections are dropped without a response. */
  dropsForwards: boolean;
  /** The path of a kubeconfig whose context "test" is this server. */
  kubeconfig: string;
  close(): Promise<void>;
}

/** @param folder for the kubeconfig */
export async function startFakeApi(folder: string): Promise<FakeApi> {
  const server = createServer((req, res) => {
    answer(req, res).catch((error: unknown) => refuse(res, 500, String(error)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = v.parse(v.object({ port: v.number() }), server.address());
  const url = `http://127.0.0.1:${port}`;
  const kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      'current-context': 'test',
      contexts: [{ name: 'test', context: { cluster: 'fake', user: 'somebody' } }],
      clusters: [{ name: 'fake', cluster: { server: url, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'somebody', user: { token: 'secret' } }],
    }),
  );
  const api: FakeApi = {
    objects: new Map(),
    stats: new Map(),
    logs: new Map(),
    ports: new Map(),
    changes: [],
    onChange: () => {},
    broken: undefined,
    dropsForwards: false,
    kubeconfig,
    async close() {
      sockets.close();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };

  async function answer(req: IncomingMessage, res: ServerResponse) {
    const { method = 'GET' } = req;
    const { pathname: path, searchParams: query } = new URL(req.url ?? '', url);
    if (api.broken !== undefined) return refuse(res, api.broken, 'the fake is broken');
    if (req.headers.authorization !== 'Bearer secret') return refuse(res, 401, 'Unauthorized');
    if (method === 'PATCH' || method === 'DELETE') {
      const body = await text(req);
      if (method === 'DELETE') {
        if (!api.objects.delete(path)) return refuse(res, 404, `${path} not found`);
      } else api.objects.set(path, v.parse(Patch, body));
      api.changes.push(`${method} ${path}`);
      api.onChange(method, path);
      return send(res, {});
    }
    const [, pod = '', rest = ''] = /\/pods\/([^/]+)\/(log|proxy\/metrics)$/.exec(path) ?? [];
    if (rest === 'log') return void res.end(api.logs.get(pod) ?? '');
    if (rest !== '') {
      const stats = pod.endsWith(':9090') ? api.stats.get(pod.replace(':9090', '')) : undefined;
      if (!stats) return refuse(res, 503, 'error trying to reach service: dial tcp: i/o timeout');
      return void res.writeHead(200, { 'content-type': 'application/protobuf' }).end(stats);
    }
    const object = api.objects.get(path);
    if (object) return send(res, object);
    const kind = path.split('/').at(-1) ?? '';
    if (!collections.has(kind)) return refuse(res, 404, `${path} not found`);
    const items = [...api.objects]
      .filter(([key]) => key.startsWith(`${path}/`) && !key.slice(path.length + 1).includes('/'))
      .map(([, item]) => item)
      .filter((item) => isSelected(item, query.get('labelSelector')));
    const [root = ''] = path.split('/namespaces/');
    const isList = root === '/api/v1' || [...api.objects.keys()].some((key) => key.startsWith(`${root}/`));
    return isList
      ? send(res, { items })
      : refuse(res, 404, 'the server could not find the requested resource');
  }

  // https://kubernetes.io/docs/reference/kubectl/generated/kubectl_port-forward/: stream 0 is data, 1 errors; each begins with the port.
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'v4.channel.k8s.io' });
  server.on('upgrade', (req, socket, head) => {
    const { pathname, searchParams } = new URL(req.url ?? '', url);
    const pod = /\/pods\/([^/]+)\/portforward$/.exec(pathname)?.[1];
    const asked = Number(searchParams.get('ports'));
    const target = api.ports.get(`${pod}:${asked}`);
    if (api.dropsForwards) {
      socket.destroy();
      return;
    }
    if (target === undefined) {
      socket.end('HTTP/1.1 404 Not Found\r\n\r\n');
      return;
    }
    sockets.handleUpgrade(req, socket, head, (ws) => {
      const number = Buffer.from([asked & 0xff, asked >> 8]);
      for (const stream of [0, 1]) ws.send(Buffer.concat([Buffer.from([stream]), number]));
      const other = connect(target, '127.0.0.1');
      other.on('data', (chunk) => ws.send(Buffer.concat([Buffer.from([0]), chunk])));
      other.on('close', () => ws.close()).on('error', () => ws.close());
      ws.on('message', (data) => {
        if (Buffer.isBuffer(data)) other.write(data.subarray(1));
      });
      ws.on('close', () => other.destroy());
    });
  });
  return api;
}

const collections = new Set(['pods', 'services', 'revisions']);

const Patch = v.pipe(
  v.string(),
  v.parseJson(),
  v.looseObject({ kind: v.string(), metadata: v.looseObject({ name: v.string() }) }),
);

/** Terms `a` and `a=b`, comma-separated. */
function isSelected({ metadata }: KubernetesObject, selector: string | null): boolean {
  return (selector ?? '').split(',').every((part) => {
    const [key = '', value] = part.split('=');
    const label = metadata?.labels?.[key];
    return key === '' || (value === undefined ? label !== undefined : label === value);
  });
}

function send(res: ServerResponse, body: object) {
  res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function refuse(res: ServerResponse, code: number, message: string) {
  const status: V1Status = { apiVersion: 'v1', kind: 'Status', status: 'Failure', message, code };
  res.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(status));
}

/** A pod of a Knative Service, ready unless said otherwise. */
export function podOf(name: string, service: string, { isReady = true, isEnding = false } = {}): V1Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      uid: `uid-${name}`,
      labels: { 'serving.knative.dev/service': service },
      ...(isEnding ? { deletionTimestamp: new Date() } : {}),
    },
    status: { conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }] },
  };
}
