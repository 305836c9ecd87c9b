/** An event of a form's past. */
export interface PastEvent {
  id: string;
  /** Milliseconds since 1970; when it was received. */
  time: number;
}

/** A form's past, and how to deliver it to a task. Its methods reject with an Error that says what to do. */
export interface History<E extends PastEvent = PastEvent> {
  /** The events after a place ('' for the beginning), oldest first, in pages, each with the place after it. Ends after `to`. */
  pages(after: string, to: number): AsyncIterable<{ events: E[]; place: string }>;
  /** The forms of all events that were read so far. */
  forms: ReadonlySet<string>;
  /** Delivers these events to the task, and to no other; returns how many it will get. */
  deliver(events: E[]): Promise<number>;
}
