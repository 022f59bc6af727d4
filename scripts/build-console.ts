import { createHash } from 'node:crypto';
import { globSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from 'vite';

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

/**
 * Builds the console into a folder, if its sources have changed since the last build. Several processes may do it at
 * the same time: the folder is replaced when the build is complete.
 *
 * @returns whether the console was built
 */
export async function buildConsole(outDir: string): Promise<boolean> {
  const digest = digestOfSources();
  if (readIfThere(path.join(outDir, DIGEST)) === digest) {
    return false;
  }
  const unfinished = `${outDir}-${process.pid}`;
  mkdirSync(path.dirname(outDir), { recursive: true });
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
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await buildConsole(path.join(ROOT, 'dist/console'));
}
