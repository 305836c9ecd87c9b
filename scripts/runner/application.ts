import { join } from 'node:path';
import { onlyBroker } from '../manifests/manifests.ts';
import type { Service } from '../manifests/types.ts';
import type { Broker } from './broker/broker.ts';
import type { Context } from './context.ts';
import { type Dependencies, KAFKA_STOP_MS, spreadsheetsOf } from './dependencies.ts';
import { allMetrics } from './gateway/all-metrics.ts';
import { openMetrics } from './gateway/metrics.ts';
import type { GatewayParts } from './gateway/parts.ts';
import { waitingRows } from './gateway/waiting.ts';
import { closing } from './parts.ts';
import type { Deployment } from './project/deployment.ts';
import type { Override } from './project/environment.ts';
import { withoutPassword } from './project/overrides.ts';
import { openReloader } from './project/reload.ts';
import { openTypeCheck } from './project/type-check.ts';
import { warnOfUnknownForms } from './project/unknown-forms.ts';
import { openSchedules, type ScheduleStatus } from './schedules/ping.ts';
import { openLauncher } from './serving/launch.ts';
import { openServices, type Services } from './serving/services.ts';

/** Runs a deployment: its Services, what brings them events and requests, and its changes. */
export async function startApplication({
  root,
  folder,
  manifests,
  watch,
  gateway,
  env,
  log,
  parts,
  bundles,
  dependencies: { kafka, sheets, smtp },
  broker,
  overrides,
  deployment,
  connections,
  serve,
}: Context & {
  bundles: string;
  dependencies: Dependencies;
  broker: Broker;
  overrides: Override[];
  deployment: Deployment;
  connections: Omit<GatewayParts['connections'], 'data'>;
  /** Called when the Services take what waits for them. */
  serve: (services: Services) => void;
}): Promise<{ forms: string[]; schedules: ScheduleStatus[] }> {
  const { services, triggers, pingSources, kafkaSinks } = manifests;
  const launcher = openLauncher({ root, deployment, log });
  const metrics = openMetrics();
  const { launch } = launcher;
  const serving = await parts.start(
    'services',
    () => openServices({ services, log, launch, answered: metrics.answered }),
    {
      stop: ({ close }, leftMs) => close(Math.min(6_000, leftMs - (kafka ? KAFKA_STOP_MS : 0))),
      withinMs: 6_500,
    },
  );
  await parts.start('deliveries', () => serve(serving), { stop: () => broker.close(), withinMs: 1_500 });
  const startSources = () =>
    kafka?.connection.startSources({
      broker: broker.url,
      keepLetter: broker.keepLetter,
      send: (to, request, signal) =>
        'uri' in to && to.uri === broker.url ? broker.post(request) : serving.send(to, request, signal),
    });
  await parts.start('KafkaSources', startSources, {
    stop: () => kafka?.connection.closeSources(),
    withinMs: 1_500,
  });
  const schedules = await parts.start(
    'schedules',
    () => openSchedules({ sources: pingSources, send: serving.send, log }),
    closing(),
  );

  const shown: GatewayParts = {
    forms: formsOf(services),
    services: serving,
    deadLetters: broker.deadLetters,
    redrive: broker.redrive,
    events: broker.events,
    redeliver: broker.redeliver,
    connections: { ...connections, redis: withoutPassword(connections.redis), data: folder },
    metrics: () =>
      allMetrics({
        metrics,
        services: serving,
        broker,
        brokerManifest: onlyBroker(manifests),
        sinks: kafkaSinks,
        kafka: kafka?.connection,
      }),
    waiting: () => waitingRows(serving, schedules.status()),
    async delivered() {
      await kafka?.connection.idle(5_000);
      await broker.idle(5_000);
    },
    schedules,
    sheets: 'handle' in sheets ? sheets.handle : undefined,
    mails: 'handle' in smtp ? smtp.handle : undefined,
  };
  await parts.start('requests', () => gateway.open(shown), {
    stop: () => gateway.close(4_000),
    withinMs: 4_500,
  });

  function apply(next: Deployment, changed: Set<string>) {
    const { services, triggers, pingSources } = next.manifests;
    // What may fail comes first. Update callees before callers.
    if ('make' in sheets) sheets.make(spreadsheetsOf(services));
    schedules.reconcile(pingSources);
    launcher.use(next);
    serving.reconcile(services, changed);
    broker.reconcile(triggers);
    const forms = formsOf(services);
    gateway.open({ ...shown, forms });
    warnOfUnknownForms(triggers, forms, log);
  }
  const { inUse } = launcher;
  const changing = { root, bundles, inUse, overrides, ambient: env, kafka: kafka !== undefined, deployment };
  const reloader = await parts.start(
    'reload',
    () => openReloader({ ...changing, apply, log }),
    closing(1_000),
  );
  const types = await parts.start(
    'type check',
    () => openTypeCheck({ root, dir: join(folder, 'types'), log }),
    closing(),
  );
  const wake = () => {
    reloader.wake();
    types.wake();
  };
  // Stopped first: what is changed from then on is for the next start.
  await parts.start('changes', () => watch.onChange(wake), { stop: () => watch.close(), withinMs: 500 });
  warnOfUnknownForms(triggers, shown.forms, log);
  return { forms: shown.forms, schedules: schedules.status() };
}

const formsOf = (services: Service[]) =>
  services.filter(({ clusterLocal }) => !clusterLocal).map(({ name }) => name);
