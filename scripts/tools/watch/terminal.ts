import type { WriteStream } from 'node:tty';

export interface Terminal {
  /** Replaces what is shown by these lines. */
  show(lines: string[]): void;
  /** Restores the terminal. Does nothing the second time. */
  restore(): void;
}

const enter = '\u001b[?1049h\u001b[?25l';
const leave = '\u001b[?25h\u001b[?1049l';

/** Uses the alternate screen; whatever ends the process, except SIGKILL, restores the terminal. */
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
      // Overwritten line by line without clearing, so that nothing flickers.
      output.write(`\u001b[H${lines.map((line) => `${line}\u001b[K`).join('\r\n')}\u001b[J`);
    },
  };
}
