import { parser } from '@prometheus-io/lezer-promql';

/** The series that a query selects, and the labels by which it groups them. */
export interface Asked {
  /** `name{label="value"}`, as written in the query. */
  selectors: string[];
  grouping: string[];
}

/** @throws Error when it is not PromQL */
export function readQuery(expr: string): Asked {
  const found: Asked = { selectors: [], grouping: [] };
  parser.parse(expr).iterate({
    enter(node) {
      const { name, type, from, to } = node;
      const text = expr.slice(from, to);
      if (type.isError) throw new Error(`${expr} is not PromQL at ${from}: ${text}`);
      if (name === 'VectorSelector') found.selectors.push(text);
      if (name === 'LabelName' && node.matchContext(['GroupingLabels'])) found.grouping.push(text);
    },
  });
  return found;
}
