import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { MigrationBuilder } from 'node-pg-migrate';

import { readSqlFile } from '../../db/sql/sql-file.ts';
import { type DomainError, OperatorError } from '../../errors.ts';
import { loadModule } from '../registry/load-module.ts';
import type { SchemaKind, TenancyApp, TenancyProject } from '../registry/project.ts';
import { foldersOf } from './app-folders.ts';
import { assertDeclaredNeeds } from './assert-declared-needs.ts';
import {
  assertDistinct,
  assertNeeds,
  byName,
  listMigrationFiles,
  type MigrationFile,
} from './migration-files.ts';
import { validateSql } from './validate-sql.ts';

type Action = (pgm: MigrationBuilder) => Promise<void> | void;
/** The action that a file exports. Called with the folder of the app's SQL. */
type FileAction = ((pgm: MigrationBuilder, sqlFolder: string) => Promise<void> | void) &
  Readonly<{ sqlFiles?: readonly string[] }>;

/** An SQL file of a migration, by its path. */
export type SqlFile = Readonly<{ file: string; text: string }>;

/** One migration of an app. */
export type TenantMigration = Omit<MigrationFile, 'file'> &
  Readonly<{
    /** The SQL files that it applies with `tenantSql` or `concurrentSql`. */
    sqlFiles?: Readonly<{ up: readonly SqlFile[]; down: readonly SqlFile[] }>;
    up: Action;
    /** Null when the migration cannot be undone. */
    down: Action | null;
  }>;

type AppMigration = TenantMigration & Readonly<{ file: string }>;

const invalid = (message: string): DomainError => new OperatorError('migration_invalid', message);

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
  app: TenancyApp,
  { folder, sql, concurrent, validate = true }: Folder & Readonly<{ folder: string }>,
): Promise<readonly AppMigration[]> {
  const files = await listMigrationFiles(app, folder, concurrent);
  return Promise.all(
    files.map(async (listed) => {
      const { file } = listed;
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
        ...listed,
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
 * @param validate whether the SQL is parsed, which takes about 0.2 s. For names only, `listTenantMigrations` loads nothing.
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

/** Returns the migrations of schemas of a kind. */
export const migrationsOn = (
  kind: SchemaKind,
  migrations: readonly TenantMigration[],
): readonly TenantMigration[] => migrations.filter(({ on }) => on.includes(kind));
