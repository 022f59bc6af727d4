import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const TSC = join(import.meta.dirname, '../../node_modules/.bin/tsc');

/**
 * Checks the types of a project in `folder` with this repository's compiler, as `npm run types` does. Returns what the
 * compiler prints: nothing without an error.
 */
export async function checkTypes(folder: string): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(TSC, ['--noEmit', '-p', '.', '--checkers', '1'], {
      cwd: folder,
      env: { ...process.env, GOGC: 'off' },
    });
    return stdout;
  } catch (error) {
    const { stdout = '' } = error as { stdout?: string };
    if (stdout === '') {
      throw error;
    }
    return stdout;
  }
}
