/**
 * Stands in for `mime-types` in the bundle: Express looks types up with it in calls that `serve` does not make, and it takes as
 * long to load as all the rest of Express.
 */
const unknown = () => false;

export { unknown as charset, unknown as contentType, unknown as extension, unknown as lookup };
