import { SingleBar } from 'cli-progress';

import { printable } from './printable.ts';

/** How far a long command has come. */
export type Progress = Readonly<{
  /** One more of `total` is done. `line` says what it was. */
  step: (line: string) => void;
  /** Leaves the terminal as it should be; also when the command fails. */
  stop: () => void;
}>;

/**
 * A bar on a terminal; elsewhere each step is a line of its own, for a log.
 * Neither is the command's answer: both go to standard error.
 */
export const createProgress =
  ({ terminal, note }: { terminal: NodeJS.WriteStream | null; note: (line: string) => void }) =>
  (title: string, total: number): Progress => {
    if (!terminal) {
      return { step: note, stop: () => {} };
    }
    const bar = new SingleBar({
      format: `${printable(title)} {bar} {value}/{total} {eta_formatted} {line}`,
      stream: terminal,
      clearOnComplete: true,
      hideCursor: true,
    });
    bar.start(total, 0, { line: '' });
    return { step: (line) => bar.increment(1, { line: printable(line) }), stop: () => bar.stop() };
  };
