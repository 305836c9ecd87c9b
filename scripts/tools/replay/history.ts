/** An event of a form's past. */
export interface PastEvent {
  id: string;
  /** Milliseconds since 1970; when it was received. */
  time: number;
}

/** A form's past, and the way to a task for it. All reject with an Error that says what to do. */
export interface History<E extends PastEvent = PastEvent> {
  /** The events after a place, '' for the beginning, oldest first, some at a time with the place behind them. Ends after `to`. */
  pages(after: string, to: number): AsyncIterable<{ events: E[]; place: string }>;
  /** Whose events came by so far. */
  forms: ReadonlySet<string>;
  /** Sees to it that the task gets these events; gives how many it will get. No other task gets them. */
  deliver(events: E[]): Promise<number>;
}
