import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { duplexPair, type Duplex } from 'node:stream';
import { connect, type ConnectionOptions } from 'node:tls';
import { PortForward } from '@kubernetes/client-node';
import type { KafkaConfig } from 'kafkajs';
import * as v from 'valibot';
import type { KubernetesApi } from './api.ts';
import { isReady, Pods } from './pods.ts';

/** A port of a pod: by its name, or of any ready pod that the selector matches. */
export interface PodPort {
  namespace: string;
  pod?: string;
  selector?: string;
  port: number;
}

/**
 * A local port that leads through the API server to a pod's port. The pod is looked up for each connection, so that a
 * new pod replaces a deleted one.
 */
export async function forwardPort(
  api: KubernetesApi,
  target: PodPort,
): Promise<{ port: number; close(): void }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy()).once('close', () => sockets.delete(socket));
    reach(api, target, socket).catch(() => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = v.parse(v.object({ port: v.number() }), server.address());
  return {
    port,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Connects a stream to a pod's port. @throws Error when there is no such pod, or the API server refuses the connection */
async function reach(api: KubernetesApi, target: PodPort, stream: Duplex): Promise<void> {
  const { namespace, port } = target;
  const pod = target.pod ?? (await findReady(api, target));
  // Data that arrives before the connection is open waits in the stream.
  const way = await new PortForward(api.config).portForward(namespace, pod, [port], stream, null, stream);
  if (typeof way === 'function') return;
  way.addEventListener('close', () => stream.end());
  stream.once('close', () => way.close());
}

async function findReady(api: KubernetesApi, { namespace, selector = '' }: PodPort): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/pods?labelSelector=${encodeURIComponent(selector)}`;
  const { items } = await api.read(Pods, path);
  const pod = items.find(isReady);
  if (!pod) throw new Error(`there is no ready pod ${selector} in namespace ${namespace}`);
  return pod.metadata.name;
}

/**
 * Connects a Kafka client over TLS to the brokers that Strimzi runs. Their names resolve only in the cluster:
 * `<pod>.<service>.<namespace>.svc` of a broker, and `<cluster>-kafka-bootstrap.<namespace>` of any.
 */
export function kafkaSockets(api: KubernetesApi): NonNullable<KafkaConfig['socketFactory']> {
  return ({ host, port, ssl, onConnect }) => {
    const [near, far] = duplexPair();
    const options: ConnectionOptions = { ...ssl, socket: near, servername: host };
    const socket = connect(options, onConnect);
    reach(api, { ...podOf(host), port }, far).catch((error: unknown) => {
      socket.destroy(asError(error));
    });
    return socket;
  };
}

/** A WebSocket fails with an ErrorEvent, which is not an Error and may have no message. */
function asError(reason: unknown): Error {
  if (reason instanceof Error) return reason;
  const { success, output } = v.safeParse(ErrorEvent, reason);
  const words = success && [output.message, output.error?.message, output.error?.code].find(Boolean);
  return new Error(words || 'the API server does not let it through', { cause: reason });
}

const ErrorEvent = v.object({
  message: v.optional(v.string()),
  error: v.optional(v.object({ message: v.optional(v.string()), code: v.optional(v.string()) })),
});

function podOf(host: string): Omit<PodPort, 'port'> {
  const [name = '', second = '', third = ''] = host.split('.');
  const cluster = /^(.+)-kafka-bootstrap$/.exec(name)?.[1];
  if (cluster === undefined) return { namespace: third, pod: name };
  return { namespace: second, selector: `strimzi.io/cluster=${cluster},strimzi.io/broker-role=true` };
}
