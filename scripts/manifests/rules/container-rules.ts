import type { Manifests } from '../types.ts';
import { serviceIn } from './name-rules.ts';
import { at, ofKind, type Repository, type Rule } from './repository.ts';

const MAX_LINES = 60;

/** What each container's securityContext has to say. */
const SECURITY = {
  readOnlyRootFilesystem: true,
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
};

/** Knative's queue-proxy, beside each function, listens on these. */
const RESERVED_PORTS = [8008, 8012, 8013, 8022, 9090, 9091];

/** Containers can do little harm and take a known share; that they are ready is known of all. */
export const containers: Rule = (repository) =>
  containersOf(repository).flatMap(({ file, pod, container }) => {
    const found = Object.entries(SECURITY)
      .filter(
        ([field, value]) => JSON.stringify(at(container, 'securityContext', field)) !== JSON.stringify(value),
      )
      .map(([field, value]) => `${file}: securityContext.${field} is not ${JSON.stringify(value)}`);
    // Knative takes no securityContext for the pod.
    const runAsNonRoot = [container, pod].some((one) => at(one, 'securityContext', 'runAsNonRoot') === true);
    if (!runAsNonRoot) found.push(`${file}: securityContext.runAsNonRoot is not true`);
    // An image's own user has root's group, where nobody says another.
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

/** Functions run the one image, but for those with a command of their own; what else runs is pinned in versions.json, by digest. */
export const images: Rule = (repository) =>
  containersOf(repository).flatMap(({ file, isFunction, container }) => {
    const image = String(at(container, 'image'));
    if (isFunction && at(container, 'command')) return [];
    if (isFunction) return image === 'dev.local/formbus' ? [] : [`${file}: image is not dev.local/formbus`];
    const isPinned = repository.images.includes(image) && /:[^:@/]+@sha256:[0-9a-f]{64}$/.test(image);
    return isPinned ? [] : [`${file}: ${image} is not pinned in knative/platform/versions.json`];
  });

/** No function takes a port of Knative's own. */
export const ports: Rule = (repository) =>
  containersOf(repository)
    .filter(({ isFunction }) => isFunction)
    .flatMap(({ file, container }) => [at(container, 'ports')].flat().map((port) => ({ file, port })))
    .filter(({ port }) => RESERVED_PORTS.includes(Number(at(port, 'containerPort'))))
    .map(({ file, port }) => `${file}: port ${String(at(port, 'containerPort'))} belongs to queue-proxy`);

/** Nothing runs without need, nothing grows without bound, and from outside only forms are reached. */
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
    .map(
      ({ file }) =>
        `${file}: initial-scale is not 0, so that each release starts an instance of each function`,
    ),
  ...services.filter(({ maxScale }) => maxScale === 0).map(({ file }) => `${file}: max-scale is missing`),
  ...services.filter(isExposedTask).map(({ file }) => `${file}: a task is not cluster-local`),
  ...services.filter(isHiddenForm).map(({ file }) => `${file}: a form is cluster-local`),
];

/** Totals are in the memory of one process: it always runs, and no second one has some of them. */
export const totals: Rule = (_, { services, configMaps }) =>
  configMaps.flatMap(({ file, data: { METRICS_URL: url } }) => {
    if (url === undefined) return [];
    const service = services.find(({ name }) => serviceIn(url).includes(name));
    if (!service) return [`${file}: METRICS_URL is the address of no Service`];
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

/** The containers of functions and of workloads of our own. */
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
