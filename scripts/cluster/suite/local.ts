import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import * as v from 'valibot';
import { stringify } from 'yaml';
import { call } from '../../tools/client/call.ts';
import { openLoggedLetters } from '../../tools/dead-letters/log.ts';
import { binaryRequest } from '../../events/cloud-event.ts';
import type { StartedFormbus } from '../../testing/formbus.ts';
import { until, type SuiteFormbus, type SuiteResource } from './formbus.ts';

const Connections = v.object({ broker: v.string() });
const Accepted = v.object({ id: v.string() });
const pace = { everyMs: 200, patienceMs: 120_000 };

/**
 * A Formbus that `npm start` runs on this machine.
 * @param root its project; applied resources are written into it
 * @param env variables that a tool needs, such as Redis's password
 * @param loseMaster ends its Redis; resolves when there is a master again
 */
export async function openLocalFormbus({
  formbus,
  root,
  env,
  loseMaster,
}: {
  formbus: StartedFormbus;
  root: string;
  env: Record<string, string>;
  loseMaster: () => Promise<void>;
}): Promise<SuiteFormbus> {
  const { url } = formbus;
  const { broker } = await call(Connections, url, '/_/connections');
  const submit: SuiteFormbus['submit'] = async (form, fields) => {
    const answer = await fetch(`${url}/${form}/`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(fields),
    });
    const { output, success } = v.safeParse(v.pipe(v.string(), v.parseJson(), Accepted), await answer.text());
    return { status: answer.status, id: success ? output.id : undefined };
  };
  const files = (resources: SuiteResource[]) =>
    resources.map((one) => {
      const folder = one.kind === 'Service' ? 'knative/tasks' : 'eventing/triggers';
      return { one, path: join(root, folder, `${one.metadata.name}.yaml`) };
    });
  /** The runner logs a line when a change is running. */
  const changes = () => formbus.output().split('the change is running').length;
  const taken = (before: number) =>
    until(pace, 'the runner has taken the change up', async () => changes() > before);

  return {
    name: url,
    submit,
    press: submit,
    async publish(event) {
      const { headers, body } = binaryRequest(event);
      const answer = await fetch(broker, { method: 'POST', headers, body: new Uint8Array(body) });
      if (answer.status !== 202) throw new Error(`the Broker answered ${answer.status}`);
    },
    instances: async (service) => (await formbus.status(service)).instances,
    async hasLogged(service, wanted) {
      const lines = formbus.output().split('\n');
      return lines.some((line) => line.includes(service) && line.includes(wanted));
    },
    async flush() {
      const status = await formbus.flush();
      if (status !== 204) throw new Error(`sheets-flush answered ${status}`);
    },
    rows: {
      async count(tab) {
        const rows = Map.groupBy(await formbus.rows(tab), ({ id = '' }) => id);
        return new Map([...rows].map(([id, same]) => [id, same.length]));
      },
    },
    letters: openLoggedLetters(url),
    image: 'dev.local/formbus',
    async apply(resources) {
      const before = changes();
      for (const { one, path } of files(resources)) await writeFile(path, stringify(one));
      await taken(before);
    },
    async remove(resources) {
      const before = changes();
      const there = files(resources).filter(({ path }) => existsSync(path));
      for (const { path } of there) await rm(path);
      if (there.length > 0) await taken(before);
    },
    loseMaster,
    async audit() {
      const script = join(import.meta.dirname, '../../commands/audit.ts');
      const child = spawn(process.execPath, [script, '--url', url], {
        env: { ...process.env, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const exited = once(child, 'exit');
      const [output, complaint] = await Promise.all([text(child.stdout), text(child.stderr)]);
      const [code] = v.parse(v.tuple([v.number(), v.unknown()]), await exited);
      return code === 0 ? [] : [`exit code ${code}`, output, complaint];
    },
    pace,
  };
}
