import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { platformPackage } from '../../src/dev/embedded-postgres/binaries.ts';
import { OperatorError } from '../../src/errors.ts';

/** The tested versions of the platform package, other than that of package.json. */
const VERSIONS: Readonly<Record<string, string>> = {
  15: '15.18.0-beta.17',
  16: '16.14.0-beta.17',
  17: '17.10.0-beta.17',
};

const CACHE = join(import.meta.dirname, '../../node_modules/.cache/postgres');

/** Returns the folder of the binaries of a major version. The first call installs them, without a change of package.json. */
export async function installPostgres(major: string): Promise<string> {
  const version = VERSIONS[major];
  if (!version) {
    throw new OperatorError(
      'usage_invalid',
      `TEST_POSTGRES is one of ${Object.keys(VERSIONS).join(', ')}, and embedded for the newest.`,
    );
  }
  const name = platformPackage();
  const home = join(CACHE, version);
  if (!existsSync(home)) {
    await mkdir(CACHE, { recursive: true });
    const draft = await mkdtemp(join(CACHE, 'draft-'));
    try {
      await promisify(execFile)(
        'npm',
        [
          'install',
          '--prefix',
          draft,
          '--no-save',
          '--ignore-scripts',
          '--no-audit',
          '--no-fund',
          `${name}@${version}`,
        ],
        { cwd: draft },
      );
      // Fails if another process was faster.
      await rename(draft, home).catch(() => {});
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  }
  return join(home, 'node_modules', name);
}
