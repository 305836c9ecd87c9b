import { existsSync, readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Makes stack traces name lines of the sources instead of the bundle's. A map is read when the first stack needs it: Node's own
 * `--enable-source-maps` parses all maps at the start, which takes 40 ms and 18 MB.
 */
export function nameSourceLines(): void {
  const maps = new Map<string, SourceMap | undefined>();
  const mapOf = (file: string) => {
    if (!maps.has(file)) maps.set(file, readMap(`${pathOf(file)}.map`));
    return maps.get(file);
  };
  // The type of a call site lacks V8's toString.
  Error.prepareStackTrace = (error, calls: { toString(): string }[]) =>
    [Error.prototype.toString.call(error), ...calls.map((call) => `    at ${call.toString()}`)]
      .join('\n')
      .replaceAll(
        /(file:\/\/[^\s()]+\.mjs|[^\s()]*snapshot\.cjs):(\d+):(\d+)/g,
        (place, file: string, line, column) => {
          const origin = mapOf(file)?.findOrigin(Number(line), Number(column));
          return origin && 'fileName' in origin
            ? `${origin.fileName.replace(/^(\.\.\/)+/, '')}:${origin.lineNumber}:${origin.columnNumber}`
            : place;
        },
      );
}

/** A startup snapshot was made in another folder than the one it lies in, beside main.mjs. */
function pathOf(file: string): string {
  if (file.startsWith('file:')) return fileURLToPath(file);
  return join(dirname(process.argv[1] ?? ''), 'snapshot.cjs');
}

function readMap(file: string): SourceMap | undefined {
  return existsSync(file) ? new SourceMap(JSON.parse(readFileSync(file, 'utf8'))) : undefined;
}
