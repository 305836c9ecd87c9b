/**
 * Stands in for `body-parser` in the bundle. functions-framework puts five of its parsers before each function; `serve` has read
 * the body by then, so that they would only pass over it, at every request, and be loaded at every cold start.
 */
type Next = (_req: unknown, _res: unknown, next: () => void) => void;
const passOn = (): Next => (_req, _res, next) => next();

export { passOn as json, passOn as raw, passOn as text, passOn as urlencoded };
