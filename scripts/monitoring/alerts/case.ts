/** Series in promtool's notation (`0+5x60`: 0, 5, 10, … sixty times), and the time of the evaluation. */
export interface Course {
  /** The interval of values and evaluations; a minute by default. */
  every?: string;
  series: Record<string, string>;
  at: string;
}

/** Series with which an alert fires, with its labels then, and series with which it does not. */
export interface AlertCase {
  fires: Course & { labels: Record<string, string> };
  silent: Course;
}
