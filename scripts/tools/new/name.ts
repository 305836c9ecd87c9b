import { Script } from 'node:vm';

/** The longest name that Knative derives from a Service's: its revision's Deployment. */
const LONGEST_SUFFIX = '-00001-deployment';
/** Kubernetes' limit; Knative shortens a longer name beyond recognition. */
const MAX_LENGTH = 63 - LONGEST_SUFFIX.length;

/** YAML, as Kubernetes reads it, does not take these for texts. */
const YAML_WORDS = ['true', 'false', 'null', 'yes', 'no', 'on', 'off', 'y', 'n'];

/**
 * `main.mjs` starts every function; TypeScript keeps `undefined` to itself; each cluster has a Service `kubernetes`, the platform
 * some in the functions' namespace, and `/grafana/` is not a form's.
 */
const TAKEN = ['main', 'undefined', 'kubernetes', 'edge', 'redis', 'sentinel', 'grafana'];

/**
 * Checks the name of a new function, which is also that of a Kubernetes Service (DNS-1035), and returns its name in code, in camelCase.
 * @param code the code that the name goes into: it must not contain the name as a word yet
 * @throws Error that says what is wrong with the name
 */
export function identifierOf(name: string, code: string): string {
  if (!/^[a-z]([-a-z0-9]*[a-z0-9])?$/.test(name)) {
    throw new Error(
      `"${name}" is no name: small letters, digits and dashes, a letter first and no dash at the end, such as visitor-book`,
    );
  }
  if (name.length > MAX_LENGTH) {
    throw new Error(
      `"${name}" has ${name.length} characters, more than ${MAX_LENGTH}: Knative makes ${name}${LONGEST_SUFFIX} of it, and Kubernetes allows 63`,
    );
  }
  const identifier = name.replaceAll(/-+(.)/g, (_, letter: string) => letter.toUpperCase());
  const isTaken = YAML_WORDS.includes(name) || TAKEN.includes(name) || !isIdentifier(identifier);
  if (isTaken || new RegExp(`\\b${identifier}\\b`).test(code)) {
    throw new Error(
      `"${name}" means something already, in YAML, in code or in the cluster; take another name, such as my-${name}`,
    );
  }
  return identifier;
}

/** Whether JavaScript takes it for the name of a constant in a module; nothing is run. */
function isIdentifier(name: string): boolean {
  try {
    return Boolean(new Script(`'use strict'; async () => { const ${name} = 0; }`));
  } catch {
    return false;
  }
}
