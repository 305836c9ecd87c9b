import type { Case, Run } from './cases.ts';
import { Unchecked } from './formbus.ts';

/** Runs the cases one after the other and reports each. Returns how many failed. */
export async function tryAll(cases: Case[], run: Run, say: (line: string) => void): Promise<number> {
  let failed = 0;
  for (const [index, { title, check }] of cases.entries()) {
    say(`[${index + 1}/${cases.length}] ${title}`);
    const began = performance.now();
    const seconds = () => `${((performance.now() - began) / 1_000).toFixed(1)} s`;
    try {
      await check(run);
      say(`    holds (${seconds()})`);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (error instanceof Unchecked) say(`    not checked in full: ${reason}`);
      else {
        failed += 1;
        say(`    FAILED (${seconds()}): ${reason}`);
      }
    }
  }
  say(failed > 0 ? `failed: ${failed} of ${cases.length}` : 'nothing failed');
  return failed;
}
