import type { Manifests } from '../types.ts';
import { serviceIn } from './name-rules.ts';
import { at, ofKind, type Repository, type Rule } from './repository.ts';

const MAX_LINES = 60;

/** Required in each container's securityContext. */
const SECURITY = {
  readOnlyRootFilesystem: true,
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
};

/** Knative's queue-proxy listens on these, in the pod of each function. */
const RESERVED_PORTS = [8008, 8012, 8013, 8022, 9090, 9091];

/** Each container has few rights, known resources and a readiness probe. */
export const containers: Rule = (repository) =>
  containersOf(repository).flatMap(({ file, pod, container }) => {
    const found = Object.entries(SECURITY)
      .filter(
        ([field, value]) => JSON.stringify(at(container, 'securityContext', field)) !== JSON.stringify(value),
      )
      .map(([field, value]) => `${file}: securityContext.${field} is not ${JSON.stringify(value)}`);
    // Knative does not accept a securityContext of the pod.
    const runAsNonRoot = [container, pod].some((one) => at(one, 'securityContext', 'runAsNonRoot') === true);
    if (!runAsNonRoot) found.push(`${file}: securityContext.runAsNonRoot is not true`);
    // Without runAsGroup an image's user is in root's group.
    const group = [container, pod].map((one) => Number(at(one, 'securityContext', 'runAsGroup') ?? 0));
    if (Math.max(...group) === 0) found.push(`${file}: securityContext.runAsGroup is missing or root's`);
    if (at(pod, 'automountServiceAccountToken') !== false)
      found.push(`${file}: automountServiceAccountToken is not false`);
    for (const kind of ['requests', 'limits']) {
      for (const resource of ['cpu', 'memory']) {
        if (!at(container, 'resources', kind, resource))
          found.push(`${file}: resources.${kind}.${resource} is missing`);
      }
    }
    if (!at(container, 'readinessProbe')) found.push(`${file}: readinessProbe is missing`);
    return found;
  });

/** Functions run the project's image, unless they have a command of their own; all other images are pinned in versions.json, by digest. */
export const images: Rule = (repository) =>
  containersOf(repository).flatMap(({ file, isFunction, container }) => {
    const image = String(at(container, 'image'));
    if (isFunction && at(container, 'command')) return [];
    if (isFunction) return image === 'dev.local/formbus' ? [] : [`${file}: image is not dev.local/formbus`];
    const isPinned = repository.images.includes(image) && /:[^:@/]+@sha256:[0-9a-f]{64}$/.test(image);
    return isPinned ? [] : [`${file}: ${image} is not pinned in knative/platform/versions.json`];
  });

/** No function uses a port of queue-proxy. */
export const ports: Rule = (repository) =>
  containersOf(repository)
    .filter(({ isFunction }) => isFunction)
    .flatMap(({ file, container }) => [at(container, 'ports')].flat().map((port) => ({ file, port })))
    .filter(({ port }) => RESERVED_PORTS.includes(Number(at(port, 'containerPort'))))
    .map(({ file, port }) => `${file}: port ${String(at(port, 'containerPort'))} belongs to queue-proxy`);

/** A release starts no instance, every function has a limit, and only forms are reachable from outside. */
export const scaling: Rule = (repository, { services }) => [
  ...ofKind(repository, 'Service')
    .filter(
      ({ content }) =>
        at(
          content,
          'spec',
          'template',
          'metadata',
          'annotations',
          'autoscaling.knative.dev/initial-scale',
        ) !== '0',
    )
    .map(({ file }) => `${file}: initial-scale is not 0, so each release starts an instance`),
  ...services.filter(({ maxScale }) => maxScale === 0).map(({ file }) => `${file}: max-scale is missing`),
  ...services.filter(isExposedTask).map(({ file }) => `${file}: a task is not cluster-local`),
  ...services.filter(isHiddenForm).map(({ file }) => `${file}: a form is cluster-local`),
];

/** Totals are in the memory of one process, so exactly one runs at any time. */
export const totals: Rule = (_, { services, configMaps }) =>
  configMaps.flatMap(({ file, data: { METRICS_URL: url } }) => {
    if (url === undefined) return [];
    const service = services.find(({ name }) => serviceIn(url).includes(name));
    if (!service) return [`${file}: METRICS_URL is not the address of a Service`];
    const { minScale, maxScale } = service;
    return minScale === 1 && maxScale === 1 ? [] : [`${service.file}: min-scale and max-scale are not 1`];
  });

export const lengths: Rule = ({ lines }) =>
  Object.entries(lines)
    .filter(([, count]) => count > MAX_LINES)
    .map(([file, count]) => `${file}: has ${count} lines, more than ${MAX_LINES}`);

type Service = Manifests['services'][number];
const isExposedTask = ({ file, clusterLocal }: Service) => file.startsWith('knative/tasks/') && !clusterLocal;
const isHiddenForm = ({ file, clusterLocal }: Service) => file.startsWith('knative/forms/') && clusterLocal;

/** The containers of functions and of our own workloads. */
function containersOf(repository: Repository) {
  return ['Service', 'Deployment', 'StatefulSet', 'DaemonSet', 'Job', 'CronJob']
    .flatMap((kind) => ofKind(repository, kind))
    .flatMap(({ file, kind, content }) => {
      const template = kind === 'CronJob' ? at(content, 'spec', 'jobTemplate') : content;
      const pod = at(template, 'spec', 'template', 'spec');
      const all: unknown[] = [at(pod, 'containers'), at(pod, 'initContainers') ?? []].flat();
      return all.map((container) => ({ file, pod, container, isFunction: kind === 'Service' }));
    });
}
