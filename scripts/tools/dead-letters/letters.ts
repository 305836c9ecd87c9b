/** An event that a task failed permanently on, and why. */
export interface Letter {
  /** Unique among the dead letters. */
  id: string;
  /** When it became a dead letter, RFC 3339. */
  at: string;
  /** When it was sent again, RFC 3339; '' if never. */
  redrivenAt: string;
  /** The Trigger or task that failed. */
  task: string;
  event: string;
  type: string;
  form: string;
  /** The HTTP status; '' when there was no answer. */
  code: string;
  /** What the task said, or why there was no answer. */
  reason: string;
  /** The event's data as text. */
  data: string;
}

/** Where dead letters are kept. Its methods reject with an Error that says what to do. */
export interface Letters {
  /** Oldest first. */
  list(): Promise<Letter[]>;
  /** Sends the events again, each once and to the task that failed. Returns how many. */
  redrive(letters: Letter[]): Promise<number>;
}

export interface Choice {
  ids?: string[];
  form?: string | undefined;
  task?: string | undefined;
  error?: string | undefined;
  /** Milliseconds since 1970. */
  since?: number | undefined;
}

/** A letter is found by its own id and by its event's. */
export function choose(letters: Letter[], { ids = [], form, task, error, since }: Choice): Letter[] {
  return letters.filter(
    (letter) =>
      (ids.length === 0 || ids.includes(letter.id) || ids.includes(letter.event)) &&
      (form === undefined || letter.form === form) &&
      (task === undefined || letter.task === task) &&
      (error === undefined || letter.code === error) &&
      (since === undefined || Date.parse(letter.at) >= since),
  );
}
