import { readdir } from 'node:fs/promises';
import path from 'node:path';

import { type DomainError, OperatorError } from '../../errors.ts';
import type { RequiredMigrations, SchemaKind, TenancyApp, TenancyProject } from '../registry/project.ts';
import { foldersOf } from './app-folders.ts';

/** A file of a migration of an app. */
export type MigrationFile = Readonly<{
  /** `<time>_<app>_<what>`: its name in the migration history, which determines its order. */
  name: string;
  /** The app whose folder contains the file. */
  app: string;
  /** The schemas that have the app's tables. */
  on: readonly SchemaKind[];
  /** Whether it runs outside a transaction. It runs again after a crash. */
  concurrent: boolean;
  file: string;
}>;

/** The folder of the shared migrations. */
export const SHARED_MIGRATIONS = path.resolve(import.meta.dirname, '../../../migrations/shared');

const FILE = /^(\d+)_(.+)\.[jt]s$/;

const invalid = (message: string): DomainError => new OperatorError('migration_invalid', message);

/**
 * Returns the parts of a file's name.
 *
 * @throws OperatorError `migration_invalid`
 */
export function assertMigrationName(file: string): Readonly<{ time: string; what: string }> {
  const [, time, what] = FILE.exec(path.basename(file)) ?? [];
  if (time === undefined || what === undefined) {
    throw invalid(
      `${file}: the name of a migration must be <UTC time>_<what>.ts, such as 20261231235959000_tags.ts.`,
    );
  }
  return { time, what };
}

/**
 * Returns the name of a migration in the history. The app's name is not repeated if the file name
 * begins with it.
 */
const historyName = (app: string, time: string, what: string): string =>
  what === app ? `${time}_${app}` : `${time}_${app}_${what}`;

/** Compares migrations by their names in the history. */
export const byName = (one: Pick<MigrationFile, 'name'>, other: Pick<MigrationFile, 'name'>): number =>
  one.name < other.name ? -1 : 1;

/**
 * Returns the migration files of a folder, which need not exist, in no order.
 *
 * @throws OperatorError `migration_invalid` for an invalid name
 */
export async function listMigrationFiles(
  { name: app, on }: Pick<TenancyApp, 'name' | 'on'>,
  folder: string,
  concurrent: boolean,
): Promise<readonly MigrationFile[]> {
  const all = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') {
      return [];
    }
    throw error;
  });
  const files = all.filter(
    (entry) => entry.isFile() && /\.[jt]s$/.test(entry.name) && !entry.name.endsWith('.d.ts'),
  );
  return files.map((entry) => {
    const file = path.join(folder, entry.name);
    const { time, what } = assertMigrationName(file);
    return { name: historyName(app, time, what), app, on, concurrent, file };
  });
}

/** Rejects two files with the same name in the history, which would count as one migration. */
export function assertDistinct(migrations: ReadonlyArray<Pick<MigrationFile, 'name' | 'file'>>): void {
  const files = new Map<string, string>();
  for (const { name, file } of migrations) {
    const other = files.get(name);
    if (other !== undefined) {
      throw invalid(`${other} and ${file} are both "${name}" in the migration history. Rename one of them.`);
    }
    files.set(name, file);
  }
}

/** Rejects an app that is older than one that it needs. `migrations` are sorted. */
export function assertNeeds(
  { apps }: TenancyProject,
  migrations: ReadonlyArray<Pick<MigrationFile, 'name' | 'app'>>,
): void {
  const first = new Map(apps.map(({ name }) => [name, migrations.find(({ app }) => app === name)]));
  for (const { name, needs } of apps) {
    const own = first.get(name);
    for (const needed of needs) {
      const other = first.get(needed);
      if (own && other && own.name < other.name) {
        throw invalid(
          `The app "${name}" requires "${needed}", but its first migration (${own.name}) is earlier than that of "${needed}" (${other.name}). Rename it to a later time.`,
        );
      }
    }
  }
}

/** Returns the names of the shared migrations, oldest first. */
export async function sharedMigrationNames(): Promise<readonly string[]> {
  const files = await readdir(SHARED_MIGRATIONS);
  return files
    .filter((file) => /\.[jt]s$/.test(file))
    .map((file) => file.replace(/\.[jt]s$/, ''))
    .sort();
}

/**
 * Returns the files of every tenant migration of a project, oldest first. Loads none of them: the service needs only
 * their names.
 *
 * @throws OperatorError `migration_invalid` for an invalid or duplicate name, and for an app that is older than one that
 *   it needs
 */
export async function listTenantMigrations(project: TenancyProject): Promise<readonly MigrationFile[]> {
  const listed = await Promise.all(
    project.apps.flatMap((app) => {
      const { migrations, concurrentMigrations } = foldersOf(app);
      return [
        listMigrationFiles(app, migrations, false),
        listMigrationFiles(app, concurrentMigrations, true),
      ];
    }),
  );
  const files = listed.flat().sort(byName);
  assertDistinct(files);
  assertNeeds(project, files);
  return files;
}

/**
 * Returns the names of the global migrations of a project, oldest first. Loads none of them.
 *
 * @throws OperatorError `migration_invalid` for an invalid or duplicate name
 */
export async function listGlobalMigrations(project: TenancyProject): Promise<readonly string[]> {
  const listed = await Promise.all(
    project.apps.map((app) => listMigrationFiles(app, foldersOf(app).globalMigrations, false)),
  );
  const files = listed.flat().sort(byName);
  assertDistinct(files);
  return files.map(({ name }) => name);
}

/**
 * Returns what this code requires before it serves a tenant. It does not wait for migrations that run
 * outside a transaction.
 */
export function requiredMigrations(
  migrations: ReadonlyArray<Pick<MigrationFile, 'name' | 'on' | 'concurrent'>>,
): RequiredMigrations {
  const requiredOn = (kind: SchemaKind): RequiredMigrations[SchemaKind] => {
    const required = migrations.filter(({ on, concurrent }) => on.includes(kind) && !concurrent);
    return { last: required.at(-1)?.name ?? '', count: required.length };
  };
  return { tenant: requiredOn('tenant'), site: requiredOn('site') };
}
