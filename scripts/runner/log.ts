/** What the runner's parts log to; a pino logger fits as well. */
export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/**
 * Logs one line per event for people: time, origin (`from` in the fields), message, the other fields.
 * @param write takes a line with its line break
 */
export function terminalLog({
  write = writeLine,
  now = () => new Date(),
}: { write?: (line: string) => void; now?: () => Date } = {}): Log {
  const line = (mark: string) => (fields: object, message: string) => {
    const { from = 'formbus', ...rest }: { from?: unknown } = { ...fields };
    const time = now().toISOString().slice(11, 23);
    const details = Object.entries(rest).map(([key, value]) => ` ${key}=${brief(value)}`);
    write(`${time} ${String(from).padEnd(18)}${mark} ${message}${details.join('')}\n`);
  };
  return { info: line(' '), warn: line('!'), error: line('✗') };
}

let unwritten = '';

/** Writes the lines of a turn of the event loop at once: each by itself is a system call that waits for the terminal. */
function writeLine(line: string) {
  if (unwritten === '') setImmediate(flush);
  unwritten += line;
}

function flush() {
  process.stdout.write(unwritten);
  unwritten = '';
}
process.on('exit', flush);

/**
 * Passes a line that a function printed on to the runner's log: pino's JSON lines as fields, anything else as text.
 * @param from the Service that printed it
 */
export function logOutput(log: Log, from: string, line: string) {
  if (line.trim() === '') return;
  const entry = parseObject(line);
  if (!entry || typeof entry['msg'] !== 'string') return log.info({ from }, line);
  const { level, msg, time: _, pid: __, hostname: ___, severity: ____, service: _____, ...fields } = entry;
  log[levelOf(level)]({ from, ...fields }, msg);
}

/** pino writes levels as numbers (30 info, 40 warn, 50 error) or, with a formatter, as labels. */
function levelOf(level: unknown): keyof Log {
  if (level === 'error' || level === 'fatal' || (typeof level === 'number' && level >= 50)) return 'error';
  if (level === 'warn' || level === 40) return 'warn';
  return 'info';
}

function parseObject(text: string): (Record<string, unknown> & { msg?: string }) | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function brief(value: unknown): string {
  if (value instanceof Error) return value.message;
  if (typeof value === 'string') return /^[^\s"]+$/.test(value) ? value : JSON.stringify(value);
  if (typeof value === 'object' && value !== null && 'message' in value && 'stack' in value)
    return String(value.stack);
  return JSON.stringify(value) ?? String(value);
}
