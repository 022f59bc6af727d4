import { existsSync } from 'node:fs';
import path from 'node:path';

import { OperatorError } from '../../errors.ts';
import type { TenancyApp } from '../registry/project.ts';

/** The repository, or the folder of the build. */
const ROOT = path.resolve(import.meta.dirname, '../../..');

/** The folders with an app's migrations and their SQL. They need not exist. */
export type AppFolders = Readonly<{
  migrations: string;
  sql: string;
  concurrentMigrations: string;
  concurrentSql: string;
  globalMigrations: string;
  globalSql: string;
}>;

const isInside = (folder: string, directory: string): boolean =>
  !path.relative(folder, directory).startsWith('..');

/**
 * Returns the folders of an app: `sql/` and `migrations/` in its directory. An app of this repository that has no
 * `migrations/` there has them in `sql/tenant/<app>/` and `migrations/tenant/<app>/`. Those of its global tables are in
 * `global/` of its two folders, or in `sql/global/<app>/` and `migrations/global/<app>/`.
 *
 * @throws OperatorError `migration_invalid` when migrations are in both
 */
export function foldersOf({ name, directory }: Pick<TenancyApp, 'name' | 'directory'>): AppFolders {
  const shared: AppFolders = {
    migrations: path.join(ROOT, 'migrations/tenant', name),
    sql: path.join(ROOT, 'sql/tenant', name),
    concurrentMigrations: path.join(ROOT, 'migrations/tenant-concurrent', name),
    concurrentSql: path.join(ROOT, 'sql/tenant-concurrent', name),
    globalMigrations: path.join(ROOT, 'migrations/global', name),
    globalSql: path.join(ROOT, 'sql/global', name),
  };
  const own: AppFolders = {
    migrations: path.join(directory, 'migrations'),
    sql: path.join(directory, 'sql'),
    concurrentMigrations: path.join(directory, 'migrations/concurrent'),
    concurrentSql: path.join(directory, 'sql/concurrent'),
    globalMigrations: path.join(directory, 'migrations/global'),
    globalSql: path.join(directory, 'sql/global'),
  };
  // An app of another repository may have the name of one that the package brings.
  if (!isInside(ROOT, directory)) {
    return own;
  }
  if (!existsSync(own.migrations)) {
    return shared;
  }
  for (const folder of [shared.migrations, shared.concurrentMigrations, shared.globalMigrations]) {
    if (existsSync(folder)) {
      throw new OperatorError(
        'migration_invalid',
        `The app "${name}" has migrations in ${own.migrations} and in ${folder}: use only one of them.`,
      );
    }
  }
  return own;
}
