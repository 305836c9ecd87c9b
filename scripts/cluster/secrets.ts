/**
 * Commands that make the Secrets of an installation. Values go to kubectl by its standard input: what stands among the arguments
 * of a process can be read by everybody on the machine.
 */

/** What it is in a shell's here-document. */
const RANDOM = "$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \\n')";

/** The idempotency secret is part of the ids of what was submitted, and Redis's password of its files: they stay as they are. */
export function makeSecrets(kubectl: string): string {
  // Where there is no database, nobody is at this address: the archive's events are tried again until the key is put right.
  const database = '${DATABASE_URL:-postgres://database.invalid/formbus}';
  return `${kubectl} get secret formbus -n formbus -o name || ${kubectl} create -f - ${secret(
    'formbus',
    'formbus',
    {
      'idempotency-secret': encoded(RANDOM),
      'mail-secret': encoded(RANDOM),
      'redis-password': encoded(RANDOM),
      'google-credentials.json': encoded('{}'),
      'database-url': encoded(`"${database}"`),
    },
  )}`;
}

export function makePassword(kubectl: string): string {
  const content = secret('grafana', 'monitoring', { 'admin-password': encoded(RANDOM) });
  return `${kubectl} get secret grafana -n monitoring -o name || ${kubectl} create -f - ${content}`;
}

export function setGoogleKey(kubectl: string, file: string): string {
  const quoted = `'${file.replaceAll("'", `'\\''`)}'`;
  const content = secret('formbus', 'formbus', { 'google-credentials.json': '$key' });
  // A manager of its own, or the other keys would be taken for given up.
  const apply = `${kubectl} apply --server-side --force-conflicts --field-manager=formbus-google -f -`;
  return `key=$(base64 < ${quoted} | tr -d '\\n') && ${apply} ${content}`;
}

/**
 * Strimzi makes users' passwords in Kafka's own namespace, under other names than Knative's; it renews its authority each year.
 * Forms have a user of their own, who may write submissions and nothing else.
 */
export function copyKafkaSecret(kubectl: string): string {
  const read = (name: string, key: string) =>
    `$(${kubectl} get secret ${name} -n kafka -o jsonpath='{.data.${key}}')`;
  const content = secret('formbus-kafka', 'formbus', {
    protocol: encoded('SASL_SSL'),
    'sasl.mechanism': encoded('SCRAM-SHA-512'),
    user: encoded('formbus'),
    password: '$password',
    'forms-password': '$forms',
    'ca.crt': '$authority',
  });
  return [
    `password=${read('formbus', 'password')}`,
    `forms=${read('formbus-forms', 'password')}`,
    `authority=${read('formbus-cluster-ca-cert', 'ca\\.crt')}`,
    'test -n "$password" && test -n "$forms" && test -n "$authority"',
    `${kubectl} apply --server-side --force-conflicts -f - ${content}`,
  ].join(' && ');
}

/** A here-document with a Secret. `data`: base64, or what a shell makes it of. */
function secret(name: string, namespace: string, data: Record<string, string>): string {
  const lines = Object.entries(data).map(([key, value]) => `  ${key}: ${value}`);
  return [
    '<<END',
    'apiVersion: v1',
    'kind: Secret',
    `metadata: { name: ${name}, namespace: ${namespace} }`,
    'data:',
    ...lines,
    'END',
  ].join('\n');
}

/** `printf` is the shell's own and no process with arguments. */
function encoded(text: string): string {
  return `$(printf %s ${text.startsWith('"') ? text : `"${text}"`} | base64 | tr -d '\\n')`;
}
