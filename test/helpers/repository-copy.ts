import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { compileCacheOf } from './compile-cache.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const PARTS = [
  '.dependency-cruiser.js',
  '.oxlintrc.json',
  'ava.config.js',
  'biome.json',
  'knip.json',
  'migrations',
  'package.json',
  'scripts',
  'sql',
  'src',
  // Its helpers only: `npm run check` in the copy need not check the tests of this repository again.
  'test/apps/accounts/project.ts',
  'test/cli/run.ts',
  'test/fixture-app',
  'test/helpers',
  'test/run.ts',
  'test/slow-files.json',
  'tsconfig.json',
];

/** A copy of this repository in which a test runs a developer's commands. */
export type RepositoryCopy = Readonly<{
  folder: string;
  /** Runs a line of shell and returns its output. Rejects, with the output in the message, when it fails. */
  run: (command: string) => Promise<string>;
  remove: () => Promise<void>;
}>;

export async function copyRepository(): Promise<RepositoryCopy> {
  const folder = await mkdtemp(path.join(tmpdir(), 'koa-tenants-repository-'));
  for (const part of PARTS) {
    await cp(path.join(ROOT, part), path.join(folder, part), { recursive: true });
  }
  await symlink(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
  // The linter follows the link: `node_modules/` of this repository's file matches folders only.
  await writeFile(path.join(folder, '.gitignore'), 'node_modules\n');
  return {
    folder,
    run: async (command) => {
      const { TEST_DATABASE_URL: server, ...environment } = process.env;
      try {
        const { stdout } = await promisify(execFile)('sh', ['-c', command], {
          cwd: folder,
          // The tests in the copy use the server of this run. `--test` and the like must not reach them.
          env: {
            ...environment,
            ...compileCacheOf(folder),
            TEST_POSTGRES: server,
            TEST_POOLER: '',
            NODE_OPTIONS: '',
          },
          maxBuffer: 16 * 1024 * 1024,
        });
        return stdout;
      } catch (error) {
        const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
        throw new Error(`${command}\n${stdout}\n${stderr}`, { cause: error });
      }
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
