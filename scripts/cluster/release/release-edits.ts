/** A change of one document of a release's file, told by its kind and name, or of all of them. */
export interface ReleaseEdit {
  of?: { kind: string; name: string };
  from: string | RegExp;
  to: string;
}

interface Situation {
  profile: 'dev' | 'prod';
  /** The release is there already, perhaps in another version. */
  isUpgrade: boolean;
}

/** What differs here from what the project releases, by file. It is part of what is applied, so that nothing is ever as released first. */
export function editsOf(file: string, { profile, isUpgrade }: Situation): ReleaseEdit[] {
  const small = profile === 'dev';
  switch (file.replace(/-\d+\.\d+\.\d+(?=\.yaml$)/, '')) {
    case 'kourier.yaml':
      // A LoadBalancer would order a public address and let people go round the edge.
      return [
        {
          of: { kind: 'Service', name: 'kourier' },
          from: 'type: LoadBalancer',
          to: 'type: ClusterIP',
        },
      ];
    case 'eventing-core.yaml': {
      // Knative sets it to 1 at the first PingSource; back at 0 for a moment, a flush is left out.
      const of = { kind: 'Deployment', name: 'pingsource-mt-adapter' };
      return isUpgrade ? [{ of, from: /^ {2}replicas: 0\n/m, to: '' }] : [];
    }
    case 'eventing-kafka-broker.yaml':
      return [...longHeaders('broker'), ...(small ? [smallDispatcher('broker')] : [])];
    case 'eventing-kafka-source.yaml':
      return small ? [smallDispatcher('source')] : [];
    case 'eventing-kafka-sink.yaml':
      return longHeaders('sink');
    case 'strimzi-cluster-operator.yaml':
      return [{ from: /namespace: myproject/g, to: 'namespace: kafka' }];
    case 'bundle.yaml':
      return [{ from: /namespace: default/g, to: 'namespace: monitoring' }];
    default:
      return [];
  }
}

/** An ingress takes 8,192 bytes of headers and answers 431 beyond, which nobody retries; a dead letter has more than its event. */
function longHeaders(part: string): ReleaseEdit[] {
  const key = `config-kafka-${part}-httpserver.properties: |\n`;
  return [
    {
      of: { kind: 'ConfigMap', name: `config-kafka-${part}-data-plane` },
      from: new RegExp(`^ {2}${key.replaceAll(/[.|]/g, String.raw`\$&`)}`, 'm'),
      to: `  ${key}    maxHeaderSize=65536\n`,
    },
    {
      // It is read at the start: a pod without this mark is one that has not read it.
      of: { kind: 'Deployment', name: `kafka-${part}-receiver` },
      from: /^ {2}template:\n {4}metadata:\n/m,
      to: "  template:\n    metadata:\n      annotations: { formbus.dev/max-header-size: '65536' }\n",
    },
  ];
}

/** Each asks for a core of its own, which a small machine has not to give. */
function smallDispatcher(part: string): ReleaseEdit {
  return {
    of: { kind: 'StatefulSet', name: `kafka-${part}-dispatcher` },
    from: /^( +requests:\n +cpu:) 1000m$/m,
    to: '$1 100m',
  };
}

/**
 * A release's file with all edits made.
 * @throws Error when one finds nothing to change: the release is another one than it was written for
 */
export function edited(text: string, edits: ReleaseEdit[]): string {
  return edits.reduce((all, { of, from, to }) => {
    const documents = all.split(/^---$/m);
    const changed = documents.map((one) => (isMeant(one, of) ? one.replace(from, to) : one)).join('---');
    if (changed !== all) return changed;
    const where = of ? `${of.kind} ${of.name}` : 'it';
    throw new Error(
      `${where} has no ${String(from)} any more; see what the new release has in its place, and scripts/cluster/release/release-edits.ts`,
    );
  }, text);
}

function isMeant(document: string, of: ReleaseEdit['of']): boolean {
  if (!of) return true;
  return (
    new RegExp(`^kind: ${of.kind}$`, 'm').test(document) &&
    new RegExp(`^  name: ${of.name}$`, 'm').test(document)
  );
}
