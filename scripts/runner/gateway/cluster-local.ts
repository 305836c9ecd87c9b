import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import * as v from 'valibot';
import { refuseForeign } from '../../emulators/web/hosts.ts';
import { answerProblem } from '../../emulators/web/problem.ts';
import type { Services } from '../serving/services.ts';

export interface ClusterLocal {
  /** `<url>/<service>/…` is what `http://<service>.<namespace>.svc.cluster.local/…` is on a cluster. */
  url: string;
  close(): Promise<void>;
}

/** Where Services reach each other, tasks too; on this machine only. A request that comes before there are Services waits for them. */
export async function openClusterLocal(services: Promise<Pick<Services, 'request'>>): Promise<ClusterLocal> {
  async function forward(req: IncomingMessage, res: ServerResponse) {
    const [, name = '', path = '/', query = ''] = /^\/([^/?]*)(\/[^?]*)?(\?.*)?$/.exec(req.url ?? '') ?? [];
    const { request } = await services;
    try {
      request(name, req, res, path + query);
    } catch (error) {
      answerProblem(res, 404, error instanceof Error ? error.message : String(error));
    }
  }
  const server = createServer((req, res) => {
    if (refuseForeign(req, res)) return;
    forward(req, res).catch((error: unknown) => answerProblem(res, 503, String(error)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = v.parse(v.object({ port: v.number() }), server.address());
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
