import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startSentinels, type Sentinels } from '../../functions/testing/sentinels/sentinels.ts';
import { cases, type Run } from '../cluster/suite/cases.ts';
import { openLocalFormbus } from '../cluster/suite/local.ts';
import { copyProject, startFormbus, temporaryFolder, type StartedFormbus } from '../testing/formbus.ts';

describe('the cluster suite on this machine, with Redis under Sentinels', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let sentinels: Sentinels;
  let formbus: StartedFormbus;
  let run: Run;
  beforeAll(async () => {
    folder = await temporaryFolder();
    const root = join(folder.path, 'formbus');
    copyProject(root, { windowSeconds: 6 });
    sentinels = await startSentinels({ quick: true });
    const { env } = sentinels;
    formbus = await startFormbus(join(folder.path, 'data'), { root, env });
    const loseMaster = async () => {
      const old = await sentinels.master();
      await old.kill();
      await sentinels.replaced(old);
    };
    run = { formbus: await openLocalFormbus({ formbus, root, env, loseMaster }), accepted: new Set() };
  }, 240_000);
  afterAll(async () => {
    await formbus?.end('SIGTERM');
    await sentinels?.close();
    await folder.remove();
  });

  it.each(cases.map((one) => [one.title, one] as const))(
    '%s',
    (_, { check }) => expect(check(run)).resolves.toBeUndefined(),
    240_000,
  );
});
