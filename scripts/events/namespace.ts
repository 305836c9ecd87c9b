/** Where a cluster has what the runner runs: part of names that tasks and operators see. */
export const NAMESPACE = 'formbus';
