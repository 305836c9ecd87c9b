import { pino, type Logger } from 'pino';

export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

/**
 * A logger that writes JSON lines to standard output. Log ids, never a submission's content.
 * `severity` is what Cloud Logging and Grafana Loki read as the level.
 */
export function openLog(service: string, level: string): Log {
  return pino({
    level,
    base: { service },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label, severity: label.toUpperCase() }) },
  });
}

/** An error's message and those of its causes, for a line of the log where a stack would say nothing more. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return error.cause === undefined ? error.message : `${error.message} (${reasonOf(error.cause)})`;
}
