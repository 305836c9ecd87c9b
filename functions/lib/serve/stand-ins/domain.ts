/**
 * Replaces Node's deprecated `domain` in the bundle. functions-framework wraps each request in a domain to catch stray errors, which
 * costs 70 µs a request; `serve` catches the errors of its handlers itself.
 */
const passThrough = {
  on() {},
  run(work: () => void) {
    work();
  },
};

export function create() {
  return passThrough;
}
