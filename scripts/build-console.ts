import { createHash } from 'node:crypto';
import {
  globSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

import { DomainError } from '../src/errors.ts';
import { assertPageListsAreFound } from './console-page-lists.ts';

const ROOT = path.join(import.meta.dirname, '..');
const SOURCES = ['console/**/*', 'package-lock.json', 'scripts/build-console.ts'];
/** A file of the build: the digest of the sources that it was made of. */
const DIGEST = 'sources.txt';

function digestOfSources(): string {
  const digest = createHash('sha256');
  const files = globSync(SOURCES, { cwd: ROOT, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .filter((file) => !file.includes(`${path.sep}generated${path.sep}`))
    .sort();
  for (const file of files) {
    digest
      .update(`${path.relative(ROOT, file)}\0`)
      .update(readFileSync(file))
      .update('\0');
  }
  return digest.digest('hex');
}

function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}

/** Writes the compressed forms of each file next to it, because the service compresses nothing. */
function compress(folder: string): void {
  for (const name of globSync('**/*.{html,js,css,svg}', { cwd: folder })) {
    const bytes = readFileSync(path.join(folder, name));
    writeFileSync(path.join(folder, `${name}.gz`), gzipSync(bytes, { level: 9 }));
    const params = { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
    writeFileSync(path.join(folder, `${name}.br`), brotliCompressSync(bytes, { params }));
  }
}

/** Age in milliseconds after which the lock is that of a process that was killed. */
const STALE_MS = 180_000;
const WAIT_MS = 200;

const ageOf = (folder: string): number => {
  try {
    return Date.now() - statSync(folder).mtimeMs;
  } catch {
    return 0;
  }
};

/** Waits until no other process builds. Returns the function that ends the lock. */
async function lockBuild(outDir: string): Promise<() => void> {
  const lock = `${outDir}.lock`;
  for (;;) {
    try {
      mkdirSync(lock);
      return () => rmdirSync(lock);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
        throw error;
      }
    }
    if (ageOf(lock) > STALE_MS) {
      rmSync(lock, { recursive: true, force: true });
    }
    await wait(WAIT_MS);
  }
}

/**
 * Builds the console into a folder, if its sources have changed since the last build. Of several processes, one builds
 * and the others wait. The folder is replaced when the build is complete.
 *
 * @returns whether the console was built
 * @throws OperatorError `project_invalid` if it would ignore a list of pages
 */
export async function buildConsole(outDir: string): Promise<boolean> {
  assertPageListsAreFound(ROOT);
  const digest = digestOfSources();
  const isBuilt = (): boolean => readIfThere(path.join(outDir, DIGEST)) === digest;
  if (isBuilt()) {
    return false;
  }
  mkdirSync(path.dirname(outDir), { recursive: true });
  const unlock = await lockBuild(outDir);
  const unfinished = `${outDir}-${process.pid}`;
  try {
    if (isBuilt()) {
      return false;
    }
    // Loading it takes longer than everything else if the console is built.
    const { build } = await import('vite');
    await build({
      root: path.join(ROOT, 'console'),
      logLevel: 'warn',
      build: { outDir: unfinished, emptyOutDir: true },
    });
    compress(unfinished);
    writeFileSync(path.join(unfinished, DIGEST), digest);
    rmSync(outDir, { recursive: true, force: true });
    renameSync(unfinished, outDir);
    return true;
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
    unlock();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  try {
    await buildConsole(path.join(ROOT, 'dist/console'));
  } catch (error) {
    if (!(error instanceof DomainError)) {
      throw error;
    }
    process.stderr.write(`${error.message}\n`);
    process.exitCode = error.exitCode;
  }
}
