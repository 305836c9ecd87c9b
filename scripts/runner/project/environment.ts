import type { EnvVar, Service } from '../../manifests/types.ts';

export type Env = Record<string, string>;

/** What the runner sets in place of what the manifests say. */
export interface Override {
  variable: string;
  /** Undefined = the variable is removed. */
  value: string | undefined;
  /** For services that have one of these variables; without it, for all. */
  where?: string[];
  reason: string;
  /** Shown in place of a value that is secret. */
  shown?: string;
}

/**
 * Each Service's environment: its manifest's, with the keys of Secrets taken from the runner's own environment, and
 * the overrides applied.
 * @param ambient the runner's own environment
 * @throws Error that lists every reference without a value, with file and key
 */
export function resolveEnvironments({
  services,
  overrides,
  ambient,
}: {
  services: Service[];
  overrides: Override[];
  ambient: Record<string, string | undefined>;
}): Map<string, Env> {
  const problems: string[] = [];
  const environments = services.map((service): [string, Env] => {
    const env: Env = {};
    const set = overridesFor(service, overrides);
    for (const variable of service.env) {
      if (set.has(variable.name)) continue;
      const value = lookUp(variable, ambient);
      if (typeof value === 'string') env[variable.name] = value;
      else if (value) problems.push(`${service.file}: env ${variable.name}: ${value.problem}`);
    }
    for (const [name, { value }] of set) if (value !== undefined) env[name] = value;
    return [service.name, env];
  });
  if (problems.length > 0) {
    throw new Error(
      `The environment of the Services is not complete:\n${problems.map((p) => `  ${p}`).join('\n')}`,
    );
  }
  return new Map(environments);
}

/** The values that Services have for a variable by their manifests, without duplicates. */
export function valuesOf(variable: string, services: Service[]): string[] {
  const declared = services.flatMap(({ env }) => env.filter(({ name }) => name === variable));
  return [...new Set(declared.flatMap((entry) => ('value' in entry ? entry.value : [])))];
}

/** The overrides as a block of text for people. Those that meet no Service are left out. */
export function describeOverrides(overrides: Override[], services: Service[]): string {
  const used = overrides.filter((override) => services.some((service) => applies(override, service)));
  const settings = used.map(({ variable, value, shown, reason }) => ({
    setting: value === undefined ? `${variable} removed` : `${variable}=${shown ?? value}`,
    reason,
  }));
  const width = Math.max(0, ...settings.map(({ setting }) => setting.length));
  return [
    'Set here in place of what the manifests say:',
    ...settings.map(({ setting, reason }) => `  ${setting.padEnd(width)}  ${reason}`),
  ].join('\n');
}

function overridesFor(service: Service, overrides: Override[]): Map<string, Override> {
  return new Map(
    overrides
      .filter((override) => applies(override, service))
      .map((override) => [override.variable, override]),
  );
}

function applies({ where, variable, value }: Override, { env }: Service): boolean {
  const has = (wanted: string) => env.some(({ name }) => name === wanted);
  if (value === undefined) return has(variable);
  return where === undefined || where.some(has);
}

function lookUp(
  variable: EnvVar,
  ambient: Record<string, string | undefined>,
): string | { problem: string } | undefined {
  if ('value' in variable) return variable.value;
  const { name, secret, key, optional } = variable;
  const value = ambient[name];
  if (value !== undefined || optional) return value;
  return {
    problem: `key ${key} of Secret ${secret} has no value on this machine; set ${name} in the environment of npm start`,
  };
}
