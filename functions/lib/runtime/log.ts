import { pino, type Logger } from 'pino';

export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

/**
 * A logger that writes JSON lines to standard output. Log ids, never a submission's content.
 * Cloud Logging and Grafana Loki read `severity` as the level.
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
 * Standard output, written once per turn of the event loop: one write per line takes a tenth of a form's time under load. A killed
 * process loses the lines of its last turn.
 */
function linesOfATurn(): { write(line: string): void } {
  // pino's own buffer would sync at each flush: that fails on a pipe, after 20 µs, and waits for the disk on a file.
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

/** An error's message with those of its causes, for log lines that need no stack. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const { message, cause } = error;
  const more = cause instanceof Error ? reasonOf(cause) : '';
  return message.includes(more) ? message : `${message} (${more})`;
}
