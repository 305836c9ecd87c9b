import type { Manifests } from '../local/manifests.ts';
import { at, ofKind, type Rule } from './repository.ts';

const MAX_LINES = 45;

/** What each container's securityContext has to say. */
const SECURITY = {
  runAsNonRoot: true,
  readOnlyRootFilesystem: true,
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
};

/** Containers can do little harm and take a known share; all run the one image. */
export const containers: Rule = (repository) =>
  ofKind(repository, 'Service').flatMap(({ file, content }) => {
    const container = at(content, 'spec', 'template', 'spec', 'containers', 0);
    const found = Object.entries(SECURITY)
      .filter(
        ([field, value]) => JSON.stringify(at(container, 'securityContext', field)) !== JSON.stringify(value),
      )
      .map(
        ([field]) =>
          `${file}: securityContext.${field} is not ${JSON.stringify(Reflect.get(SECURITY, field))}`,
      );
    for (const kind of ['requests', 'limits']) {
      for (const resource of ['cpu', 'memory']) {
        if (!at(container, 'resources', kind, resource))
          found.push(`${file}: resources.${kind}.${resource} is missing`);
      }
    }
    if (at(container, 'image') !== 'dev.local/formbus') found.push(`${file}: image is not dev.local/formbus`);
    return found;
  });

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

export const lengths: Rule = ({ lines }) =>
  Object.entries(lines)
    .filter(([, count]) => count > MAX_LINES)
    .map(([file, count]) => `${file}: has ${count} lines, more than ${MAX_LINES}`);

type Service = Manifests['services'][number];
const isExposedTask = ({ file, clusterLocal }: Service) => file.startsWith('knative/tasks/') && !clusterLocal;
const isHiddenForm = ({ file, clusterLocal }: Service) => file.startsWith('knative/forms/') && clusterLocal;
