import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { rolldown } from 'rolldown';

import { EXTERNAL } from '../../scripts/bundle-service.ts';
import { until } from './until.ts';

const ROOT = path.join(import.meta.dirname, '../..');

const NAME = 'served-main';

/** Bundles the service of the served project into `folder`. Its modules find their files in the folders of the sources. */
async function bundle(folder: string): Promise<void> {
  const built = await rolldown({
    cwd: ROOT,
    input: { [NAME]: path.join(ROOT, 'test/fixture-app', `${NAME}.ts`) },
    platform: 'node',
    external: (id) => EXTERNAL.some((name) => id === name || id.startsWith(`${name}/`)),
    checks: { eval: false },
    plugins: [
      {
        name: 'folders-of-sources',
        transform: (code, id) =>
          id.includes('node_modules') || !code.includes('import.meta.dirname')
            ? null
            : code.replaceAll('import.meta.dirname', JSON.stringify(path.dirname(id))),
      },
    ],
  });
  // Under node_modules/, no package.json declares that .js files are ES modules.
  await built.write({
    dir: folder,
    format: 'esm',
    entryFileNames: '[name].mjs',
    chunkFileNames: '[name]-[hash].mjs',
  });
  await built.close();
}

let found: Promise<string> | undefined;

/** Returns the bundle in `folder`, which one of the processes of the run creates, and the others wait for. */
async function findBundle(folder: string): Promise<string> {
  const done = path.join(folder, 'done');
  await mkdir(path.dirname(folder), { recursive: true });
  for (;;) {
    try {
      await mkdir(folder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
        throw error;
      }
      // The process that builds it removes the folder when it fails.
      await until(async () => existsSync(done) || !existsSync(folder), Boolean, 120_000);
      if (existsSync(done)) {
        return path.join(done, `${NAME}.mjs`);
      }
      continue;
    }
    try {
      await bundle(path.join(folder, 'building'));
      await rename(path.join(folder, 'building'), done);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }
}

/**
 * Returns the file that starts the service of the served project: a bundle, as in a build, which starts in about half of the
 * CPU time. Without test/run.ts, it is the source.
 */
export async function servedMain(): Promise<string> {
  const { TEST_BUNDLE } = process.env;
  if (!TEST_BUNDLE) {
    return path.join(ROOT, 'test/fixture-app', `${NAME}.ts`);
  }
  found ??= findBundle(TEST_BUNDLE);
  return found;
}
