/**
 * Replaces `mime-types` in the bundle. Express needs it only for calls that `serve` does not make, and it takes as long to load as
 * the rest of Express.
 */
const unknown = () => false;

export { unknown as charset, unknown as contentType, unknown as extension, unknown as lookup };
