/**
 * The longest body that a form takes, in bytes, and how long the body may take to arrive. knative/platform/edge/nginx.conf has the same
 * two numbers (client_max_body_size, client_body_timeout); body-limits.test.ts compares them.
 */
export const bodyLimits = { maxBytes: 100_000, deadlineMs: 10_000 };
