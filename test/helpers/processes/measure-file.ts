/** Appends what a test file has cost to TEST_MEASURES. */
import { appendFileSync, readFileSync } from 'node:fs';

/** What a process used for a test file. */
export type FileMeasure = Readonly<{
  file: string;
  pid: number;
  /** Seconds since 1970. */
  from: number;
  until: number;
  /**
   * CPU seconds of the process, and of those that it started and that have ended. Not those of a program that outlives
   * its parent process: a PostgreSQL that `pg_ctl` starts.
   */
  cpu: number;
}>;

const TICKS_PER_SECOND = 100;

function cpuOfProcess(): number {
  try {
    // Fields 14 to 17: utime, stime, cutime, cstime. The name, in parentheses, may contain spaces.
    const fields = readFileSync('/proc/self/stat', 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_SECOND;
  } catch {
    // Not Linux: the processes that it started are not counted.
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  }
}

export type FileMeter = Readonly<{ stop: () => void }>;

/**
 * Starts to measure a test file.
 *
 * @param isFirst whether the start of the process is part of it
 */
export function startFileMeter(file: string, isFirst: boolean): FileMeter {
  const { TEST_MEASURES: to } = process.env;
  const now = (): number => Date.now() / 1000;
  const from = isFirst ? performance.timeOrigin / 1000 : now();
  const cpuBefore = isFirst ? 0 : cpuOfProcess();
  return {
    stop: () => {
      if (to) {
        const measure: FileMeasure = {
          file,
          pid: process.pid,
          from,
          until: now(),
          cpu: cpuOfProcess() - cpuBefore,
        };
        appendFileSync(to, `${JSON.stringify(measure)}\n`);
      }
    },
  };
}
