/**
 * Commands that create the Secrets of an installation. kubectl gets values by its standard input, because every user of the machine
 * can read the arguments of a process.
 */

/** Escapes a text for a shell's here-document. */
const RANDOM = "$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \\n')";

/** Never replaced: ids of submissions derive from the idempotency secret, and Redis's files contain its password. */
export function makeSecrets(kubectl: string): string {
  // Without a database this address does not answer, and the archive's events are retried until the key is set.
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
  // A field manager of its own; otherwise this apply would remove the other keys.
  const apply = `${kubectl} apply --server-side --force-conflicts --field-manager=formbus-google -f -`;
  return `key=$(base64 < ${quoted} | tr -d '\\n') && ${apply} ${content}`;
}

/**
 * Strimzi keeps the users' passwords in Kafka's namespace, under other keys than Knative's, and renews its authority each year.
 * Forms have a user of their own that may only write submissions.
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

/** A here-document with a Secret. `data`: base64, or a shell expression for it. */
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

/** `printf` is a builtin of the shell, so its arguments are not visible. */
function encoded(text: string): string {
  return `$(printf %s ${text.startsWith('"') ? text : `"${text}"`} | base64 | tr -d '\\n')`;
}
