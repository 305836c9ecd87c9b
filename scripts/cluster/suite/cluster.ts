import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { Redis } from 'ioredis';
import * as v from 'valibot';
import { openSheets } from '../../../functions/lib/sheets/sheets.ts';
import { readTabs } from '../../../functions/lib/sheets/standing.ts';
import { waitForQuota } from '../../tools/audit/quota.ts';
import type { KubernetesApi } from '../api/api.ts';
import { forwardPort, kafkaSockets } from '../api/forward.ts';
import { isReady, Pods, serviceLabel } from '../api/pods.ts';
import { openTopicLetters } from '../../tools/dead-letters/topic.ts';
import { connectCluster } from '../../tools/client/kafka-cluster.ts';
import { commaList } from '../../manifests/comma-list.ts';
import { until, type SuiteFormbus } from './formbus.ts';
import { inspect, valueOf, type Installation } from './installation.ts';
import { applyAll, removeAll } from './resources.ts';

const Accepted = v.object({ id: v.string() });
const Master = v.tuple([v.string(), v.string()]);
/** Scaling to zero takes the window plus Knative's 30 s, and a Redis image may have to be pulled. */
const pace = { everyMs: 2_000, patienceMs: 300_000 };

/**
 * The Formbus of a cluster that `npm run cluster -- up` and skaffold have installed. All calls go through the API server, so no port has
 * to be forwarded by hand. Rows are read from Google with the service account of GOOGLE_APPLICATION_CREDENTIALS.
 * @throws Error that names what is missing
 */
export async function openClusterFormbus(
  api: KubernetesApi,
  { namespace, say }: { namespace: string; say: (line: string) => void },
): Promise<SuiteFormbus & { close(): Promise<void> }> {
  const installation = await inspect(api, namespace);
  const core = `/api/v1/namespaces/${namespace}`;
  const kourier = { namespace: 'kourier-system', selector: 'app=3scale-kourier-gateway' };
  const [edge, outer, inner, sentinel] = await Promise.all([
    forwardPort(api, { namespace, selector: 'app=edge', port: 8080 }),
    forwardPort(api, { ...kourier, port: 8080 }),
    forwardPort(api, { ...kourier, port: 8081 }),
    forwardPort(api, { namespace, selector: 'app=sentinel', port: 26_379 }),
  ]);
  const doors = [edge, outer, inner, sentinel];
  const cluster = await connectCluster({
    gateway: `http://127.0.0.1:${inner.port}`,
    kafka: { ...kafkaOf(installation), socketFactory: kafkaSockets(api) },
    formsTopic: installation.settings['KAFKA_TOPIC'] ?? 'form-submissions',
  }).catch((cause: unknown) => {
    for (const door of doors) door.close();
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`Kafka does not answer through the API server: ${reason}`, { cause });
  });
  const since = Date.now();
  const hostOf = (service: string) => `${service}.${namespace}.svc.cluster.local`;
  const podsOf = async (service: string) => {
    const selector = encodeURIComponent(`${serviceLabel}=${service}`);
    return (await api.read(Pods, `${core}/pods?labelSelector=${selector}`)).items;
  };

  async function master(): Promise<string> {
    const password = valueOf(installation.secret, 'redis-password');
    const look = new Redis(sentinel.port, '127.0.0.1', {
      ...(password === undefined ? {} : { password }),
      enableReadyCheck: false,
      lazyConnect: true,
      retryStrategy: () => null,
      commandTimeout: 5_000,
    });
    look.on('error', () => {});
    try {
      await look.connect();
      const [host] = v.parse(Master, await look.call('sentinel', 'get-master-addr-by-name', 'formbus'));
      return host.split('.')[0] ?? host;
    } finally {
      look.disconnect();
    }
  }

  const redisPod = async (name: string) => {
    const { items } = await api.read(Pods, `${core}/pods?labelSelector=${encodeURIComponent('app=redis')}`);
    return items.find(({ metadata }) => metadata.name === name);
  };

  return {
    name: `namespace ${namespace} of ${api.context}`,
    submit: (form, fields) => post(edge.port, `/${form}/`, {}, fields),
    press: (form, fields) =>
      post(outer.port, '/', { host: `${form}.${namespace}.${installation.domain}` }, fields),
    publish: (event) => cluster.write(cluster.formsTopic, event),
    instances: async (service) => (await podsOf(service)).filter(isReady).length,
    async hasLogged(service, wanted) {
      for (const { metadata } of await podsOf(service)) {
        const path = `${core}/pods/${metadata.name}/log?container=user-container`;
        // The log of a pod that just ended cannot be read.
        const log = await api.call(path).catch(() => undefined);
        if (log?.toString().includes(wanted)) return true;
      }
      return false;
    },
    async flush() {
      const attributes = {
        specversion: '1.0',
        id: `suite-${Date.now()}`,
        type: 'dev.knative.sources.ping',
        source: '/suite',
      };
      const outcome = await cluster.handOver(hostOf('sheets-flush'), { attributes, data: Buffer.alloc(0) });
      if (outcome.kind === 'done') return;
      const { code, data } = outcome.failure;
      throw new Error(`sheets-flush answered ${code ?? 'nothing'}: ${data.toString().slice(0, 200)}`);
    },
    rows: rowsOf(installation, say),
    letters: openTopicLetters({ cluster, topic: 'form-dead-letters', since, say }),
    image: installation.image,
    apply: (resources) => applyAll(api, namespace, resources, pace),
    remove: (resources) => removeAll(api, namespace, resources),
    async loseMaster() {
      const name = await master();
      const lost = (await redisPod(name))?.metadata.uid;
      if (lost === undefined)
        throw new Error(`the Sentinels name ${name} as the master, but there is no such pod`);
      await api.call(`${core}/pods/${name}?gracePeriodSeconds=0`, { method: 'DELETE' });
      say(`deleted ${name}, which was the master`);
      await until(pace, `${name} is back, and there is a master`, async () => {
        const pod = await redisPod(name);
        return pod !== undefined && pod.metadata.uid !== lost && isReady(pod) && (await master()) !== '';
      });
      say(`${await master()} is the master`);
    },
    audit: undefined,
    pace,
    async close() {
      await cluster.close();
      for (const door of doors) door.close();
    },
  };
}

function kafkaOf({ settings, kafka }: Installation) {
  const [username, password, ca] = ['user', 'password', 'ca.crt'].map((key) => valueOf(kafka, key));
  if (username === undefined || password === undefined || ca === undefined)
    throw new Error(
      'the Secret formbus-kafka lacks user, password or ca.crt; run npm run cluster -- up again',
    );
  return {
    brokers: commaList(settings['KAFKA_BROKERS'] ?? ''),
    ssl: { ca: [ca] },
    sasl: { mechanism: 'scram-sha-512' as const, username, password },
  };
}

function rowsOf({ settings }: Installation, say: (line: string) => void): SuiteFormbus['rows'] {
  const spreadsheetId = settings['SPREADSHEET_ID'];
  if (!process.env['GOOGLE_APPLICATION_CREDENTIALS'])
    return {
      unreadable:
        'the sheet is read with the key file that sheets-flush has: set GOOGLE_APPLICATION_CREDENTIALS to it',
    };
  if (spreadsheetId === undefined) return { unreadable: 'the ConfigMap formbus has no SPREADSHEET_ID' };
  const sheets = waitForQuota(openSheets({ SHEETS_URL: undefined }), { say });
  return {
    async count(wanted) {
      const tabs = await readTabs(sheets, spreadsheetId);
      return tabs.find(({ tab }) => tab === wanted)?.ids ?? new Map();
    },
  };
}

/** With a Host header, which fetch does not allow to set. */
async function post(
  port: number,
  path: string,
  headers: Record<string, string>,
  fields: object,
): ReturnType<SuiteFormbus['submit']> {
  const body = JSON.stringify(fields);
  const outgoing = request({
    port,
    host: '127.0.0.1',
    path,
    method: 'POST',
    headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...headers },
    signal: AbortSignal.timeout(60_000),
  });
  const answered = new Promise<{ status: number; id: string | undefined }>((resolve, reject) => {
    outgoing.once('error', reject).once('response', (incoming) => {
      text(incoming).then((answer) => {
        const { output, success } = v.safeParse(v.pipe(v.string(), v.parseJson(), Accepted), answer);
        resolve({ status: incoming.statusCode ?? 0, id: success ? output.id : undefined });
      }, reject);
    });
  });
  outgoing.end(body);
  return answered;
}
