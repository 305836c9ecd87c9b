/** An event that a task could not take, and why. */
export interface Letter {
  /** Names it among its like. */
  id: string;
  /** When it was given up, RFC 3339. */
  at: string;
  /** When it was sent again, RFC 3339; '' if it was not. */
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

/** Where dead letters are kept. All reject with an Error that says what to do. */
export interface Letters {
  /** Oldest first. */
  list(): Promise<Letter[]>;
  /** Sends the events again, each to the task that failed and once. Gives how many. */
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

/** A letter's own id and its event's name it both; a Trigger's suffix need not be named. */
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
