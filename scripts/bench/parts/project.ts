import { cpSync, existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../../..');

export interface Project {
  root: string;
  /** Replaces text that the file must contain. */
  edit(file: string, from: RegExp, to: string): void;
}

/** A copy of this project with changes. */
export function copyProject(folder: string): Project {
  for (const name of ['eventing', 'functions', 'knative', 'scripts', 'package.json'])
    cpSync(join(root, name), join(folder, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  return {
    root: folder,
    edit(file, from, to) {
      const path = join(folder, file);
      const before = existsSync(path) ? readFileSync(path, 'utf8') : '';
      if (!from.test(before)) throw new Error(`${file} does not match ${from}`);
      writeFileSync(path, before.replaceAll(new RegExp(from, 'g'), to));
    },
  };
}
