import { randomBytes } from 'node:crypto';
import { chown, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { platform } from 'node:os';
import { join } from 'node:path';
import type { DataDirectory } from './data-directory-for-root.ts';
import { readText, renameUnlessExists, undefinedIfMissing, writeOnce } from './files.ts';
import { preconditionFailed } from './precondition-failed.ts';
import { run } from './run.ts';

const DRAFT = 'cluster.unfinished-';
const ABANDONED_AFTER_MS = 10 * 60_000;

async function removeAbandonedDrafts(home: string): Promise<void> {
  for (const name of await readdir(home)) {
    if (name.startsWith(DRAFT)) {
      const draft = join(home, name);
      const found = await undefinedIfMissing(stat(draft));
      // Another process may be using a recent one.
      if (found && found.mtimeMs < Date.now() - ABANDONED_AFTER_MS) {
        await rm(draft, { recursive: true, force: true });
      }
    }
  }
}

/** Returns options for a locale that has Unicode's letters and the same order everywhere. */
function localeOptions(major: string): readonly string[] {
  return Number(major) >= 17
    ? ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8']
    : ['--locale=C', `--lc-ctype=${platform() === 'darwin' ? 'UTF-8' : 'C.UTF-8'}`];
}

/**
 * Creates a cluster under a temporary name and renames it when it is complete. An interrupted
 * attempt keeps the temporary name.
 */
async function createCluster(
  bin: string,
  major: string,
  cluster: string,
  { home, account }: DataDirectory,
  durable: boolean,
): Promise<void> {
  await removeAbandonedDrafts(home);
  const draft = await mkdtemp(join(home, DRAFT));
  if (account) {
    await chown(draft, account.uid, account.gid);
  }
  const { code, output } = await run(
    join(bin, 'initdb'),
    [
      `--pgdata=${draft}`,
      '--username=postgres',
      `--pwfile=${join(home, 'password')}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      ...localeOptions(major),
      ...(durable ? [] : ['--no-sync']),
    ],
    { cwd: home, account },
  );
  if (code !== 0) {
    await rm(draft, { recursive: true, force: true });
    throw preconditionFailed(`PostgreSQL could not create its data in ${home}: ${output.split('\n').at(-1)}`);
  }
  await renameUnlessExists(draft, cluster);
}

/**
 * Returns the folder `cluster` of a data directory. Creates it, with a password next to it, when
 * it is missing.
 *
 * @throws OperatorError `precondition_failed` when it has another major version, or cannot be
 *   created
 */
export async function ensureCluster(
  bin: string,
  major: string,
  place: DataDirectory,
  durable: boolean,
): Promise<string> {
  const cluster = join(place.home, 'cluster');
  const versionFile = join(cluster, 'PG_VERSION');
  let version = await readText(versionFile);
  if (version === undefined) {
    await writeOnce(join(place.home, 'password'), randomBytes(24).toString('base64url'), place.account);
    await createCluster(bin, major, cluster, place, durable);
    version = await readText(versionFile);
  }
  if (version === undefined) {
    throw preconditionFailed(
      `${cluster} contains files that are not PostgreSQL data. Remove that folder to start with empty data.`,
    );
  }
  if (version !== major) {
    throw preconditionFailed(
      `The data in ${cluster} is of PostgreSQL ${version} and the installed one is PostgreSQL ${major}; move the data with pg_dump of PostgreSQL ${version}, or remove ${place.home} to start with empty data.`,
    );
  }
  return cluster;
}
