import type { WriteStream } from 'node:tty';

export interface Terminal {
  /** Shows these lines in place of those before. */
  show(lines: string[]): void;
  /** Gives the terminal back as it was. Does nothing a second time. */
  restore(): void;
}

const enter = '\u001b[?1049h\u001b[?25l';
const leave = '\u001b[?25h\u001b[?1049l';

/** Takes the alternate screen; whatever ends the process, SIGKILL apart, gives it back. */
export function openTerminal(output: WriteStream): Terminal {
  let isOpen = true;
  output.write(enter);
  const restore = () => {
    if (!isOpen) return;
    isOpen = false;
    process.off('exit', restore).off('uncaughtExceptionMonitor', restore);
    output.write(leave);
  };
  // The monitor comes before Node prints the error, which would be gone with the alternate screen.
  process.on('exit', restore).on('uncaughtExceptionMonitor', restore);
  return {
    restore,
    show(lines) {
      if (!isOpen) return;
      // Overwritten line by line, and not cleared before: nothing flickers.
      output.write(`\u001b[H${lines.map((line) => `${line}\u001b[K`).join('\r\n')}\u001b[J`);
    },
  };
}
