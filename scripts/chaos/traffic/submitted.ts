/** The outcome of submissions, as their sender knows it. */
export interface Submitted {
  /** Ids that were answered 202, with the value of their field `name`, which is unique; `message` or `roll` repeats it. */
  accepted: Map<string, string>;
  /** Values of `name` whose submission got no answer or a 503: each may be in the sheet once, or not at all. */
  unknown: Set<string>;
}
