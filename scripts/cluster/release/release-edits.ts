/** A change of one document of a release's file, by its kind and name, or of the whole file. */
export interface ReleaseEdit {
  of?: { kind: string; name: string };
  from: string | RegExp;
  to: string;
}

interface Situation {
  profile: 'dev' | 'prod';
  /** The release is installed already, perhaps in another version. */
  isUpgrade: boolean;
}

/** Our changes of a release's file. They are made before it is applied, so the unchanged state never exists on the cluster. */
export function editsOf(file: string, { profile, isUpgrade }: Situation): ReleaseEdit[] {
  const small = profile === 'dev';
  switch (file.replace(/-\d+\.\d+\.\d+(?=\.yaml$)/, '')) {
    case 'kourier.yaml':
      // A LoadBalancer would get a public address, and visitors could bypass the edge.
      return [
        {
          of: { kind: 'Service', name: 'kourier' },
          from: 'type: LoadBalancer',
          to: 'type: ClusterIP',
        },
      ];
    case 'eventing-core.yaml': {
      // Knative sets it to 1 at the first PingSource; resetting it to 0 would skip a flush.
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

/** An ingress answers 431 above 8,192 bytes of headers, and no sender retries that. A dead letter has more headers than its event. */
function longHeaders(part: string): ReleaseEdit[] {
  const key = `config-kafka-${part}-httpserver.properties: |\n`;
  return [
    {
      of: { kind: 'ConfigMap', name: `config-kafka-${part}-data-plane` },
      from: new RegExp(`^ {2}${key.replaceAll(/[.|]/g, String.raw`\$&`)}`, 'm'),
      to: `  ${key}    maxHeaderSize=65536\n`,
    },
    {
      // The setting is read at start-up; this annotation restarts the pods that have not read it.
      of: { kind: 'Deployment', name: `kafka-${part}-receiver` },
      from: /^ {2}template:\n {4}metadata:\n/m,
      to: "  template:\n    metadata:\n      annotations: { formbus.dev/max-header-size: '65536' }\n",
    },
  ];
}

/** Each requests a whole core, which a small machine does not have. */
function smallDispatcher(part: string): ReleaseEdit {
  return {
    of: { kind: 'StatefulSet', name: `kafka-${part}-dispatcher` },
    from: /^( +requests:\n +cpu:) 1000m$/m,
    to: '$1 100m',
  };
}

/**
 * Makes all edits in a release's file.
 * @throws Error when an edit finds nothing to change, because it was written for another release
 */
export function edited(text: string, edits: ReleaseEdit[]): string {
  return edits.reduce((all, { of, from, to }) => {
    const documents = all.split(/^---$/m);
    const changed = documents.map((one) => (isMeant(one, of) ? one.replace(from, to) : one)).join('---');
    if (changed !== all) return changed;
    const where = of ? `${of.kind} ${of.name}` : 'it';
    throw new Error(
      `${where} no longer contains ${String(from)}; find its replacement in the new release and adapt scripts/cluster/release/release-edits.ts`,
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
