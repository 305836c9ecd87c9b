import { request as httpRequest, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { buffer } from 'node:stream/consumers';
import { KubeConfig } from '@kubernetes/client-node';
import * as v from 'valibot';

/** A cluster's API server, with the rights of the kubeconfig. */
export interface KubernetesApi {
  config: KubeConfig;
  /** The cluster's name, for messages. */
  context: string;
  /**
   * Calls a path of the API.
   * @throws ApiError with the status; Error when the server cannot be reached
   */
  call(path: string, options?: CallOptions): Promise<Buffer>;
  /** Reads a path whose answer is JSON of that shape. @throws as `call` */
  read<S extends v.GenericSchema>(schema: S, path: string, signal?: AbortSignal): Promise<v.InferOutput<S>>;
}

interface CallOptions {
  method?: 'GET' | 'PATCH' | 'DELETE';
  accept?: string;
  /** Sent as JSON; with PATCH a complete resource (server-side apply). */
  body?: object;
  signal?: AbortSignal | undefined;
}

/** The API server answered with an error status. */
export class ApiError extends Error {
  override name = 'ApiError';
  readonly status: number;
  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

/**
 * The cluster of KUBECONFIG, or else of ~/.kube/config.
 * @param context one of its contexts; without one, the current
 * @throws Error that says what to set
 */
export function openApi(context?: string): KubernetesApi {
  const config = loadConfig();
  if (context !== undefined) config.setCurrentContext(context);
  const server = config.getCurrentCluster()?.server;
  if (server === undefined) {
    const names = config.getContexts().map(({ name }) => name);
    throw new Error(
      `there is no context ${config.getCurrentContext() || '(none is chosen)'}; there are ${names.join(', ') || 'none'}`,
    );
  }
  const call: KubernetesApi['call'] = async (path, options = {}) => {
    const { method = 'GET', accept = 'application/json', body, signal } = options;
    const request: RequestOptions & { headers: Record<string, string> } = { method, headers: {} };
    await config.applyToHTTPSOptions(request);
    Object.assign(request.headers, { accept });
    // JSON is YAML.
    if (body) Object.assign(request.headers, { 'content-type': 'application/apply-patch+yaml' });
    if (signal) request.signal = signal;
    const url = new URL(server.replace(/\/$/, '') + path);
    const answer = await send(url, request, body && JSON.stringify(body));
    if (answer.status >= 200 && answer.status < 300) return answer.body;
    throw new ApiError(`${path} was answered ${answer.status}: ${messageOf(answer.body)}`, answer.status);
  };
  return {
    config,
    context: config.getCurrentContext(),
    call,
    async read(schema, path, signal) {
      const text = (await call(path, { signal })).toString();
      return v.parse(v.pipe(v.string(), v.parseJson(), schema), text);
    },
  };
}

function loadConfig(): KubeConfig {
  const config = new KubeConfig();
  try {
    config.loadFromDefault();
  } catch (cause) {
    throw new Error(
      `the kubeconfig cannot be read: ${cause instanceof Error ? cause.message : String(cause)}; see KUBECONFIG`,
      { cause },
    );
  }
  // Without a kubeconfig the client would fall back to localhost.
  if (config.getCurrentCluster()?.server === 'http://localhost:8080')
    throw new Error('there is no kubeconfig; set KUBECONFIG to the file that names your cluster');
  return config;
}

function send(
  url: URL,
  options: RequestOptions,
  text: string | undefined,
): Promise<{ status: number; body: Buffer }> {
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const fail = (cause: Error) =>
      reject(new Error(`the cluster's API at ${url.origin} does not answer: ${reasonOf(cause)}`, { cause }));
    const outgoing = request(url, options, (incoming) => {
      buffer(incoming).then((body) => resolve({ status: incoming.statusCode ?? 0, body }), fail);
    });
    outgoing.once('error', fail).end(text);
  });
}

const Status = v.object({ message: v.string() });

/** The message of a Kubernetes status; other bodies as they are. */
function messageOf(body: Buffer): string {
  const text = body.toString();
  const { success, output } = v.safeParse(v.pipe(v.string(), v.parseJson(), Status), text);
  return success ? output.message : text.slice(0, 200);
}

function reasonOf(error: Error): string {
  return error.message || ('code' in error ? String(error.code) : error.name);
}
