import { at, type Rule } from './repository.ts';

const EXAMPLE = 'scripts/examples/secret.yaml';

/** Matches a password in a URL and a private key. */
const VALUE = /:\/\/[^\s/@]*:[^\s/@]+@|-----BEGIN [A-Z ]*PRIVATE KEY|"private_key"/;

/** Names of settings whose values are secrets. A value that is a path only names where a secret is mounted. */
const NAME = /(SECRET|PASSWORD|TOKEN|CREDENTIALS|HMAC_KEY|API_KEY|PRIVATE_KEY)$/i;

/** Secrets belong to an installation: the manifests name their keys, the example lists these, and neither has a value. */
export const secrets: Rule = ({ resources, secrets: example }, { configMaps }) => {
  const found: string[] = [];
  for (const { file, kind, content } of resources) {
    if (kind === 'Secret')
      found.push(`${file}: a Secret must not be a manifest: each installation creates its own`);
    for (const value of walk(content)) {
      if (typeof value === 'string' && VALUE.test(value)) found.push(`${file}: contains a secret`);
      for (const [secret, key] of references(value)) {
        if (example[secret]?.[key] === undefined)
          found.push(`${file}: the key ${key} of the Secret ${secret} is not in ${EXAMPLE}`);
      }
      for (const name of settings(value))
        found.push(`${file}: ${name} has a value here instead of in a Secret`);
    }
  }
  for (const { file, name, secretKeys } of configMaps) {
    const keys = Object.keys(example[name] ?? {});
    if (secretKeys.toSorted().join() !== keys.toSorted().join())
      found.push(`${file}: formbus.dev/secret-keys are not the keys in ${EXAMPLE}: ${keys.join(',')}`);
  }
  for (const [key, value] of Object.values(example).flatMap(Object.entries))
    if (!/^<.*>$/.test(String(value)))
      found.push(`${EXAMPLE}: ${key} has a value instead of a <description>`);
  return found;
};

/** The value and everything in it, at any depth. */
function* walk(value: unknown): Generator {
  yield value;
  if (typeof value === 'object' && value !== null)
    for (const inner of Object.values(value)) yield* walk(inner);
}

/** Secret and key of each reference, by a variable or a mounted file. */
function references(value: unknown): [secret: string, key: string][] {
  const variable = at(value, 'secretKeyRef');
  const volume = at(value, 'secret');
  const items = at(volume, 'items');
  return [
    ...(variable ? [[at(variable, 'name'), at(variable, 'key')]] : []),
    ...(Array.isArray(items) ? items.map((item) => [at(volume, 'secretName'), at(item, 'key')]) : []),
  ].map(([secret, key]) => [String(secret), String(key)]);
}

/** Variables and ConfigMap keys that have a value although their name says secret. */
function settings(value: unknown): string[] {
  const entries: [unknown, unknown][] = [[at(value, 'name'), at(value, 'value')]];
  const data = at(value, 'data');
  if (typeof data === 'object' && data !== null) entries.push(...Object.entries(data));
  return entries.flatMap(([name, given]) => {
    const isSecret = typeof name === 'string' && NAME.test(name);
    return isSecret && typeof given === 'string' && given !== '' && !given.startsWith('/') ? [name] : [];
  });
}
