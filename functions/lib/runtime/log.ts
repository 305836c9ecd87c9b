import { pino, type Logger } from 'pino';

export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

/**
 * A logger that writes JSON lines to standard output. Log ids, never a submission's content.
 * `severity` is what Cloud Logging and Grafana Loki read as the level.
 */
export function openLog(service: string, level: string): Log {
  const options = {
    level,
    base: { service },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label, severity: label.toUpperCase() }) },
  };
  return pino(options, (standardOutput ??= linesOfATurn()));
}

/**
 * Standard output, written once for all lines of a turn of the event loop: one write for each line is a tenth of what a form does
 * under load. What is lost when the process is killed are the lines of that turn.
 */
function linesOfATurn(): { write(line: string): void } {
  // Not its own buffer, whose flush syncs: a system call that fails on a pipe, for 20 µs, and waits for the disk where it is a file.
  const output = pino.destination({ dest: 1, sync: true });
  let lines = '';
  const flush = () => {
    const due = lines;
    lines = '';
    output.write(due);
  };
  process.on('exit', () => lines !== '' && flush());
  return {
    write(line) {
      if (lines === '') setImmediate(flush);
      lines += line;
    },
  };
}

let standardOutput: ReturnType<typeof linesOfATurn> | undefined;

/** An error's message and what those of its causes add, for a line of the log where a stack would say nothing more. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const { message, cause } = error;
  const more = cause instanceof Error ? reasonOf(cause) : '';
  return message.includes(more) ? message : `${message} (${more})`;
}
