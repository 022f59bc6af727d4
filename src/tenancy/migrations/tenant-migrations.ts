import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { MigrationBuilder } from 'node-pg-migrate';

import { readSqlFile } from '../../db/sql/sql-file.ts';
import { type DomainError, OperatorError } from '../../errors.ts';
import { loadModule } from '../registry/load-module.ts';
import type { RequiredMigrations, SchemaKind, TenancyApp, TenancyProject } from '../registry/project.ts';
import { foldersOf } from './app-folders.ts';
import { assertDeclaredNeeds } from './assert-declared-needs.ts';
import { validateSql } from './validate-sql.ts';

type Action = (pgm: MigrationBuilder) => Promise<void> | void;
/** The action that a file exports. Called with the folder of the app's SQL. */
type FileAction = ((pgm: MigrationBuilder, sqlFolder: string) => Promise<void> | void) &
  Readonly<{ sqlFiles?: readonly string[] }>;

/** An SQL file of a migration, by its path. */
export type SqlFile = Readonly<{ file: string; text: string }>;

/** One migration file of an app. */
export type TenantMigration = Readonly<{
  /** `<time>_<app>_<what>`: its name in the migration history, which determines its order. */
  name: string;
  /** The app whose folder contains the file. */
  app: string;
  /** The schemas that have the app's tables. */
  on: readonly SchemaKind[];
  /** Whether it runs outside a transaction. It runs again after a crash. */
  concurrent: boolean;
  /** The SQL files that it applies with `tenantSql` or `concurrentSql`. */
  sqlFiles?: Readonly<{ up: readonly SqlFile[]; down: readonly SqlFile[] }>;
  up: Action;
  /** Null when the migration cannot be undone. */
  down: Action | null;
}>;

type AppMigration = TenantMigration & Readonly<{ file: string }>;

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
    throw invalid(`${file}: the name of a migration must be <UTC time>_<what>.ts, such as 20261231235959000_tags.ts.`);
  }
  return { time, what };
}

/**
 * Returns the name of a migration in the history. The app's name is not repeated if the file name
 * begins with it.
 */
const historyName = (app: string, time: string, what: string): string =>
  what === app ? `${time}_${app}` : `${time}_${app}_${what}`;

const byName = (one: TenantMigration, other: TenantMigration): number => (one.name < other.name ? -1 : 1);

type Folder = Readonly<{
  sql: string;
  concurrent: boolean;
  shared?: boolean;
  /** Whether the SQL is parsed. Default: true. */
  validate?: boolean;
}>;

/**
 * Returns the SQL files of a migration.
 *
 * @throws OperatorError `migration_invalid` for statements that a migration must not contain
 */
export async function readSqlFiles(
  migration: string,
  files: readonly string[],
  { sql, concurrent, shared = false, validate = true }: Folder,
): Promise<readonly SqlFile[]> {
  const read: SqlFile[] = [];
  for (const file of files) {
    const name = path.join(sql, file);
    const text = await readSqlFile(name).catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'ENOENT' ? invalid(`${migration}: its file ${name} does not exist.`) : error;
    });
    const faults = validate ? await validateSql(text, { concurrent, shared }) : [];
    if (faults.length > 0) {
      throw invalid(faults.map((fault) => `${name}, ${fault}.`).join('\n'));
    }
    read.push({ file: name, text });
  }
  return read;
}

async function loadFolder(
  { name: app, on }: TenancyApp,
  { folder, sql, concurrent, validate = true }: Folder & Readonly<{ folder: string }>,
): Promise<readonly AppMigration[]> {
  const all = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') {
      return [];
    }
    throw error;
  });
  const files = all.filter(
    (entry) => entry.isFile() && /\.[jt]s$/.test(entry.name) && !entry.name.endsWith('.d.ts'),
  );
  return Promise.all(
    files.map(async (entry) => {
      const file = path.join(folder, entry.name);
      const { time, what } = assertMigrationName(file);
      const { up, down } = await loadModule<{ up: FileAction; down?: FileAction | false }>(
        file,
        () => import(pathToFileURL(file).href),
      );
      if (typeof up !== 'function') {
        throw invalid(`${file}: does not export a function "up".`);
      }
      const folders = { sql, concurrent, validate };
      const sqlFiles = {
        up: await readSqlFiles(file, up.sqlFiles ?? [], folders),
        down: await readSqlFiles(file, (down || null)?.sqlFiles ?? [], folders),
      };
      return {
        name: historyName(app, time, what),
        app,
        on,
        file,
        concurrent,
        sqlFiles,
        up: (pgm) => up(pgm, sql),
        down: down ? (pgm) => down(pgm, sql) : null,
      };
    }),
  );
}

async function loadApp(app: TenancyApp, validate: boolean): Promise<readonly AppMigration[]> {
  const folders = foldersOf(app);
  const both = await Promise.all([
    loadFolder(app, { folder: folders.migrations, sql: folders.sql, concurrent: false, validate }),
    loadFolder(app, {
      folder: folders.concurrentMigrations,
      sql: folders.concurrentSql,
      concurrent: true,
      validate,
    }),
  ]);
  return both.flat().sort(byName);
}

/** Rejects two files with the same name in the history, which would count as one migration. */
function assertDistinct(migrations: readonly AppMigration[]): void {
  const files = new Map<string, string>();
  for (const { name, file } of migrations) {
    const other = files.get(name);
    if (other !== undefined) {
      throw invalid(`${other} and ${file} are both "${name}" in the migration history. Rename one of them.`);
    }
    files.set(name, file);
  }
}

function assertNeeds({ apps }: TenancyProject, migrations: readonly AppMigration[]): void {
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

/** One migration file of an app's global tables. */
export type GlobalMigration = Pick<TenantMigration, 'name' | 'up' | 'sqlFiles'>;

/**
 * Loads every global migration of a project, oldest first.
 *
 * @throws OperatorError `migration_invalid` for a bad or duplicate name, and for SQL that a migration must not have
 */
export async function loadGlobalMigrations(project: TenancyProject): Promise<readonly GlobalMigration[]> {
  const ofApps = await Promise.all(
    project.apps.map((app) => {
      const { globalMigrations: folder, globalSql: sql } = foldersOf(app);
      return loadFolder(app, { folder, sql, concurrent: false });
    }),
  );
  const migrations = ofApps.flat().sort(byName);
  assertDistinct(migrations);
  return migrations;
}

/**
 * Loads every tenant migration of a project, oldest first. Call it once for a run, not once for each
 * tenant.
 *
 * @param validate whether the SQL is parsed, which takes about 0.2 s. The service needs only the names.
 * @throws OperatorError `migration_invalid` for an invalid or duplicate name, for an app that is older than one that
 *   it needs, and for a foreign key to a table of an app that it does not need
 */
export async function loadTenantMigrations(
  project: TenancyProject,
  { validate = true }: { validate?: boolean } = {},
): Promise<readonly TenantMigration[]> {
  const loaded = await Promise.all(project.apps.map((app) => loadApp(app, validate)));
  const migrations = loaded.flat().sort(byName);
  assertDistinct(migrations);
  assertNeeds(project, migrations);
  if (validate) {
    await assertDeclaredNeeds(project, migrations);
  }
  return migrations;
}

/**
 * Returns what this code requires before it serves a tenant. It does not wait for migrations that run
 * outside a transaction.
 */
export function requiredMigrations(migrations: readonly TenantMigration[]): RequiredMigrations {
  const requiredOn = (kind: SchemaKind): RequiredMigrations[SchemaKind] => {
    const names = migrationsOn(kind, migrations).filter(({ concurrent }) => !concurrent);
    return { last: names.at(-1)?.name ?? '', count: names.length };
  };
  return { tenant: requiredOn('tenant'), site: requiredOn('site') };
}

/** Returns the migrations of schemas of a kind. */
export const migrationsOn = (
  kind: SchemaKind,
  migrations: readonly TenantMigration[],
): readonly TenantMigration[] => migrations.filter(({ on }) => on.includes(kind));
