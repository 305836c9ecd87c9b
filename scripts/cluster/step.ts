import type { readVersions } from '../manifests/rules/repository.ts';

/** A shell command that changes nothing when its work is already done. */
export interface Step {
  title: string;
  command: string;
}

export interface ClusterOptions {
  versions: ReturnType<typeof readVersions>;
  profile: 'dev' | 'prod';
  /** The folder whose kustomization.yaml is the platform: one of knative/environments, or an installation's own. */
  overlay: string;
  tool: 'kind' | 'minikube';
  /** kubectl's name of a cluster that exists already; without one the tool creates a cluster. */
  context?: string | undefined;
  /** The service account's key file; without it nothing reaches Google. */
  google?: string | undefined;
}

export const CLUSTER = 'formbus';

/** The package has JavaScript. */
const releaseScript = `scripts/cluster/release/release.${import.meta.filename.endsWith('.ts') ? 'ts' : 'js'}`;

/** The cluster's name for kubectl. */
export function contextOf({ tool, context }: Pick<ClusterOptions, 'tool' | 'context'>): string {
  return context ?? (tool === 'kind' ? `kind-${CLUSTER}` : CLUSTER);
}

/** Commands for this cluster. */
export function forCluster(options: ClusterOptions) {
  const { versions, profile } = options;
  const context = contextOf(options);
  const kubectl = `kubectl --context ${context}`;
  return {
    kubectl,
    // Server-side: Strimzi's CRDs are too long for the annotation in which kubectl would keep them.
    applyFolder: (folder: string) => `${kubectl} apply --server-side --force-conflicts -k ${folder}`,
    merge: (what: string, namespace: string, patch: object) =>
      `${kubectl} patch ${what} -n ${namespace} --type merge -p '${JSON.stringify(patch)}'`,
    available: (namespace: string) =>
      `${kubectl} wait deployment --all -n ${namespace} --for=condition=Available --timeout=600s`,
    rolledOut: (what: string, namespace: string) =>
      `${kubectl} rollout status ${what} -n ${namespace} --timeout=600s`,
    release(part: string, file: string, namespace?: string) {
      const where = namespace === undefined ? '' : ` --namespace ${namespace}`;
      const args = `--profile ${profile} --context ${context}${where}`;
      return `node ${releaseScript} ${versions.releases[part]}/${file} ${args}`;
    },
  };
}

/** Creates the cluster unless it exists. */
export function create({ tool, versions }: ClusterOptions): string {
  if (tool === 'kind') {
    const make = `kind create cluster --name ${CLUSTER} --image ${versions.kubernetes} --wait 300s`;
    return `kind get clusters | grep -qx ${CLUSTER} || ${make}`;
  }
  const version = /:(v[^@]+)/.exec(versions.kubernetes)?.[1];
  return `minikube status -p ${CLUSTER} >/dev/null || minikube start -p ${CLUSTER} --kubernetes-version ${version} --cpus 8 --memory 12g`;
}
