import { vi } from 'vitest';

const { waitFor } = vi;

/** Vitest gives a condition one second, which a busy machine may need to start a process. No test fails because a machine is slow. */
vi.waitFor = (condition, options = {}) =>
  waitFor(condition, typeof options === 'number' ? options : { timeout: 60_000, ...options });
