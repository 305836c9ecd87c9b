import { at, type Rule } from './repository.ts';

const EXAMPLE = 'scripts/examples/secret.yaml';

/** What a secret value looks like: a password in a URL, a private key. */
const VALUE = /:\/\/[^\s/@]*:[^\s/@]+@|-----BEGIN [A-Z ]*PRIVATE KEY|"private_key"/;

/** Settings that are secrets themselves; a path leads to where one is mounted. */
const NAME = /(SECRET|PASSWORD|TOKEN|CREDENTIALS|HMAC_KEY|API_KEY|PRIVATE_KEY)$/i;

/** Secrets are the installation's: the manifests name their keys, the example lists them, and nobody holds a value. */
export const secrets: Rule = ({ resources, secrets: example }, { configMaps }) => {
  const found: string[] = [];
  for (const { file, kind, content } of resources) {
    if (kind === 'Secret') found.push(`${file}: a Secret is the installation's and no manifest`);
    for (const value of walk(content)) {
      if (typeof value === 'string' && VALUE.test(value)) found.push(`${file}: holds a secret value`);
      for (const [secret, key] of references(value)) {
        if (example[secret]?.[key] === undefined)
          found.push(`${file}: the key ${key} of the Secret ${secret} is not in ${EXAMPLE}`);
      }
      for (const name of settings(value)) found.push(`${file}: ${name} has a value here, not in a Secret`);
    }
  }
  for (const { file, name, secretKeys } of configMaps) {
    const keys = Object.keys(example[name] ?? {});
    if (secretKeys.toSorted().join() !== keys.toSorted().join())
      found.push(`${file}: formbus.dev/secret-keys are not the keys in ${EXAMPLE}: ${keys.join(',')}`);
  }
  for (const [key, value] of Object.values(example).flatMap(Object.entries))
    if (!/^<.*>$/.test(String(value))) found.push(`${EXAMPLE}: ${key} has a value, not a <description>`);
  return found;
};

/** The value and all that is in it. */
function* walk(value: unknown): Generator {
  yield value;
  if (typeof value === 'object' && value !== null)
    for (const inner of Object.values(value)) yield* walk(inner);
}

/** Secret and key of each reference: a variable's, or a mounted file's. */
function references(value: unknown): [secret: string, key: string][] {
  const variable = at(value, 'secretKeyRef');
  const volume = at(value, 'secret');
  const items = at(volume, 'items');
  return [
    ...(variable ? [[at(variable, 'name'), at(variable, 'key')]] : []),
    ...(Array.isArray(items) ? items.map((item) => [at(volume, 'secretName'), at(item, 'key')]) : []),
  ].map(([secret, key]) => [String(secret), String(key)]);
}

/** Names of variables and of a ConfigMap's keys that are secrets by their name and have a value. */
function settings(value: unknown): string[] {
  const entries: [unknown, unknown][] = [[at(value, 'name'), at(value, 'value')]];
  const data = at(value, 'data');
  if (typeof data === 'object' && data !== null) entries.push(...Object.entries(data));
  return entries.flatMap(([name, given]) => {
    const isSecret = typeof name === 'string' && NAME.test(name);
    return isSecret && typeof given === 'string' && given !== '' && !given.startsWith('/') ? [name] : [];
  });
}
