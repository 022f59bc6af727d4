/** Appends what a test file has cost to TEST_MEASURES when its process ends. Loaded by ava before each file. */
import { appendFileSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import test from 'ava';

/** What the process of a test file used. */
export type FileMeasure = Readonly<{
  file: string;
  pid: number;
  /** CPU seconds of the process, and of those that it started and that have ended. */
  cpu: number;
  /** Seconds from start to end. */
  wall: number;
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

const { TEST_MEASURES: to } = process.env;
if (to) {
  process.on('exit', () => {
    const measure: FileMeasure = {
      file: fileURLToPath(test.meta.file),
      pid: process.pid,
      cpu: cpuOfProcess(),
      wall: performance.now() / 1000,
    };
    appendFileSync(to, `${JSON.stringify(measure)}\n`);
  });
}

// helpers/contract.ts compares the responses of some files.
process.env.TEST_FILE = fileURLToPath(test.meta.file);
