import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import type { TestCase } from 'vitest/node';

const integration = '**/*.integration.test.ts';
const system = 'scripts/system/**/*.test.ts';
/** Tests whose numbers are larger in the nightly run; and chaos, which is as long as its numbers. */
const nightly = [
  'functions/lib/form/form.property.test.ts',
  'scripts/system/chaos.test.ts',
  'scripts/system/kafka/outages.test.ts',
  'scripts/system/tools/export.test.ts',
];
const noProcess = ['scripts/testing/no-process.ts'];
const postgres = ['scripts/testing/setup-postgres.ts'];

export default defineConfig({
  test: {
    globalSetup: 'scripts/testing/services.ts',
    provide: { isNightly: false },
    setupFiles: ['scripts/testing/patience.ts'],
    expect: { poll: { timeout: 60_000 } },
    // Most of them wait for processes that they have started.
    maxWorkers: 2,
    // For a test that hangs: a machine that is slow is no reason to fail.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // Machines of others stall, their disks for ten seconds and more. What needed a second try is named: it is worth a look.
    retry: process.env['CI'] ? 1 : 0,
    reporters: ['default', { onTestCaseResult: sayIfFlaky }],
    projects: [
      tier('unit', {
        include: ['{functions,scripts}/**/*.test.ts'],
        exclude: [integration, system],
        setupFiles: noProcess,
      }),
      tier('integration', { include: [`{functions,scripts}/${integration}`], setupFiles: postgres }),
      tier('system', { include: [system], setupFiles: postgres }),
      tier('nightly', {
        include: nightly,
        setupFiles: postgres,
        provide: { isNightly: true },
        testTimeout: 1_800_000,
      }),
    ],
  },
});

function tier(name: string, test: TestProjectInlineConfiguration['test']): TestProjectInlineConfiguration {
  return { extends: true, test: { name, ...test } };
}

function sayIfFlaky(test: TestCase): void {
  if (test.diagnostic()?.flaky)
    console.log(`passed at the second try: ${test.module.moduleId} > ${test.fullName}`);
}
