import { defineConfig } from 'vitest/config';
import type { TestCase } from 'vitest/node';

export default defineConfig({
  test: {
    include: ['functions/**/*.test.ts', 'scripts/**/*.test.ts'],
    setupFiles: ['scripts/testing/patience.ts'],
    expect: { poll: { timeout: 30_000 } },
    // Most of them wait for processes that they have started.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Machines of others stall, their disks for ten seconds and more. What needed a second try is named: it is worth a look.
    retry: process.env['CI'] ? 1 : 0,
    reporters: ['default', { onTestCaseResult: sayIfFlaky }],
  },
});

function sayIfFlaky(test: TestCase): void {
  if (test.diagnostic()?.flaky)
    console.log(`passed at the second try: ${test.module.moduleId} > ${test.fullName}`);
}
