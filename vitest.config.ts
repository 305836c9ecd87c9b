import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['functions/**/*.test.ts', 'scripts/**/*.test.ts'],
    setupFiles: ['scripts/patience.ts'],
    expect: { poll: { timeout: 30_000 } },
    // Most of them wait for processes that they have started.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
