import { readResources } from './manifest-files.ts';
import { parseResources } from './manifest-parser.ts';
import type { BrokerManifest, Manifests } from './types.ts';

/** @throws Error when there is none, or more than one */
export function onlyBroker({ brokers }: Manifests): BrokerManifest {
  const [broker] = brokers;
  if (!broker || brokers.length > 1)
    throw new Error(`eventing/ must have one Broker, it has ${brokers.length}`);
  return broker;
}

/** All that is wrong with the manifests, a line each: `file: path.to.field: what is wrong`. */
export class ManifestError extends Error {
  override name = 'ManifestError';
  readonly problems: string[];
  constructor(problems: string[]) {
    super(
      `The manifests cannot be run as they stand:\n${problems.map((problem) => `  ${problem}`).join('\n')}`,
    );
    this.problems = problems;
  }
}

/**
 * Reads every YAML file below `eventing/` and `knative/` of `root`.
 * @throws ManifestError that lists every problem
 */
export function loadManifests(root: string): Manifests {
  const { resources, problems } = readResources(root);
  const parsed = parseResources(resources);
  const all = [...problems, ...parsed.problems];
  if (all.length > 0) throw new ManifestError(all);
  return parsed.manifests;
}
