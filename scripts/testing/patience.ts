import { vi } from 'vitest';

const { waitFor } = vi;

/** Vitest gives a condition one second, which a busy machine may need to start a process: timings decide no test. */
vi.waitFor = (condition, options = { timeout: 30_000 }) => waitFor(condition, options);
