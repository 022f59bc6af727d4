import { createRequire } from 'node:module';
import type { Writable } from 'node:stream';

import { printable } from './printable.ts';

/** The progress of a long command. */
export type Progress = Readonly<{
  /** Counts one of `total` steps. `line` describes it. */
  step: (line: string) => void;
  /** Restores the terminal. Must be called also when the command fails. */
  stop: () => void;
}>;

/**
 * Creates a bar on a terminal, and a line for each step elsewhere, as in a log. Writes to standard
 * error: progress is not part of the result.
 */
export const createProgress =
  ({ terminal, note }: { terminal: Writable | null; note: (line: string) => void }) =>
  (title: string, total: number): Progress => {
    if (!terminal) {
      return { step: note, stop: () => {} };
    }
    // Loaded here: most commands have no progress, or no terminal.
    const { SingleBar } = createRequire(import.meta.url)('cli-progress') as typeof import('cli-progress');
    const bar = new SingleBar({
      format: `${printable(title)} {bar} {value}/{total} {eta_formatted} {line}`,
      stream: terminal,
      clearOnComplete: true,
      hideCursor: true,
    });
    bar.start(total, 0, { line: '' });
    return { step: (line) => bar.increment(1, { line: printable(line) }), stop: () => bar.stop() };
  };
