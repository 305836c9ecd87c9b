import { badField } from './google-error.ts';
import { guessed, seen } from './texts.ts';

/** What a message can hold: its fields, each with the fields below it (`{}` for a plain value). */
export interface Shape {
  [field: string]: Shape;
}

/** The fields that a mask asks for, `all` for everything at and below this point. */
export type Mask = 'all' | Map<string, Mask>;

/**
 * Parses a field mask (`sheets(properties(title),data.rowData),spreadsheetId`, `.` and `/` alike, `*` for all) and
 * holds it against what the message can hold.
 * @throws GoogleError 400 for a mask that cannot be read or names what is not there; blanks are names here, as at Google
 * @see https://developers.google.com/workspace/sheets/api/guides/field-masks
 */
export function parseMask(text: string, shape: Shape): Mask {
  const tokens = text.match(/[(),./]|[^(),./]+/g) ?? [];
  let position = 0;

  function list(path: string[], shape: Shape, into: Map<string, Mask>): void {
    item(path, shape, into);
    while (tokens[position] === ',') {
      position++;
      item(path, shape, into);
    }
  }

  function item(path: string[], shape: Shape, into: Map<string, Mask>): void {
    const name = tokens[position++];
    if (name === undefined || /^[(),./]$/.test(name)) throw broken();
    const here = [...path, name];
    const below = name === '*' ? {} : shape[name];
    if (!below || !(name === '*' || Object.hasOwn(shape, name))) {
      throw badField(text, seen.unknownPath(here.join('.')), seen.invalidArgument);
    }
    const next = tokens[position];
    if (next === '.' || next === '/' || next === '(') {
      position++;
      const known = into.get(name);
      const children: Map<string, Mask> = known instanceof Map ? known : new Map();
      if (next === '(') {
        list(here, below, children);
        if (tokens[position++] !== ')') throw broken();
      } else {
        item(here, below, children);
      }
      // What was asked for as a whole stays whole: `sheets,sheets.properties` is `sheets`.
      if (known !== 'all') into.set(name, children);
    } else {
      into.set(name, 'all');
    }
  }

  const broken = () => badField(text, guessed.badMask(text), seen.invalidArgument);
  const mask = new Map<string, Mask>();
  list([], shape, mask);
  if (position < tokens.length) throw broken();
  return mask.has('*') ? 'all' : mask;
}

/** Whether the mask asks for the field at a path or for something below it. */
export function asksFor(mask: Mask, ...path: string[]): boolean {
  let here: Mask | undefined = mask;
  for (const name of path) {
    if (here === 'all') return true;
    here = here?.get('*') ?? here?.get(name);
  }
  return here !== undefined;
}

/** The value with only what the mask asks for; arrays are gone through element by element. */
export function applyMask(value: unknown, mask: Mask): unknown {
  if (mask === 'all' || mask.has('*')) return value;
  if (Array.isArray(value)) return value.map((element) => applyMask(element, mask));
  if (typeof value !== 'object' || value === null) return value;
  const kept: Record<string, unknown> = {};
  for (const [name, inner] of Object.entries(value)) {
    const below = mask.get(name);
    if (below !== undefined && inner !== undefined) kept[name] = applyMask(inner, below);
  }
  return kept;
}

/** Every path that a mask names, with a whole message expanded to its fields: what an update writes. */
export function maskPaths(mask: Mask, shape: Shape, prefix = ''): Set<string> {
  const paths = new Set<string>();
  for (const [name, below] of Object.entries(shape)) {
    const asked = mask === 'all' || mask.has('*') ? 'all' : mask.get(name);
    if (asked === undefined) continue;
    if (Object.keys(below).length === 0) paths.add(prefix + name);
    else for (const path of maskPaths(asked, below, `${prefix}${name}.`)) paths.add(path);
  }
  return paths;
}
