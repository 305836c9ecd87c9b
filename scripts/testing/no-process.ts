import childProcess, { ChildProcess } from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';

/** A unit test starts no process: whatever starts one belongs into `*.integration.test.ts`, or into `scripts/system`. */
function refuse(): never {
  throw new Error(
    'A unit test starts a process. Name its file *.integration.test.ts, or move it to scripts/system.',
  );
}

// All asynchronous ways go through this method, the others are functions of their own.
Object.defineProperty(ChildProcess.prototype, 'spawn', { value: refuse });
for (const name of ['spawnSync', 'execSync', 'execFileSync'] as const)
  Object.defineProperty(childProcess, name, { value: refuse });
syncBuiltinESMExports();
