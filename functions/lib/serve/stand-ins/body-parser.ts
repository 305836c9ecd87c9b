/**
 * Replaces `body-parser` in the bundle. functions-framework puts five of its parsers in front of each function, but `serve` has read
 * the body by then: they would do nothing, on every request, and slow down every cold start.
 */
type Next = (_req: unknown, _res: unknown, next: () => void) => void;
const passOn = (): Next => (_req, _res, next) => next();

export { passOn as json, passOn as raw, passOn as text, passOn as urlencoded };
