import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type pg from 'pg';

import { OperatorError } from '../../errors.ts';
import { loadModule } from '../registry/load-module.ts';
import { assertMigrationName, SHARED_MIGRATIONS } from './migration-files.ts';
import { readSqlFiles, type SqlFile } from './tenant-migrations.ts';

const loadNatively = (files: string[]) =>
  Promise.all(
    files.map(async (file) => ({
      id: file,
      filePaths: [file],
      actions: await import(pathToFileURL(file).href),
    })),
  );

/**
 * Validates the shared migrations as tenant migrations are, except that schema names are accepted.
 *
 * @throws OperatorError `migration_invalid` with file, line and reason
 */
export async function validateSharedMigrations(folder = SHARED_MIGRATIONS): Promise<void> {
  await sharedSqlFiles(folder);
}

/**
 * Returns the SQL files of each shared migration.
 *
 * @throws OperatorError `migration_invalid` as `validateSharedMigrations` does
 */
export async function sharedSqlFiles(
  folder = SHARED_MIGRATIONS,
): Promise<ReadonlyArray<Readonly<{ name: string; sqlFiles: readonly SqlFile[] }>>> {
  const found: Array<Readonly<{ name: string; sqlFiles: readonly SqlFile[] }>> = [];
  for (const entry of await readdir(folder)) {
    const file = path.join(folder, entry);
    if (!/\.[jt]s$/.test(entry) || entry.endsWith('.d.ts')) {
      continue;
    }
    assertMigrationName(file);
    const { up } = await loadModule<{ up?: { sqlFiles?: readonly string[] } }>(
      file,
      () => import(pathToFileURL(file).href),
    );
    if (typeof up !== 'function') {
      throw new OperatorError('migration_invalid', `${file}: does not export a function "up".`);
    }
    const { sqlFiles = [] } = up as { sqlFiles?: readonly string[] };
    found.push({
      name: entry.replace(/\.[jt]s$/, ''),
      sqlFiles: await readSqlFiles(file, sqlFiles, { sql: 'shared', concurrent: false, shared: true }),
    });
  }
  return found;
}

/**
 * Runs the pending shared migrations inside the transaction of `client`, and returns their names.
 *
 * node-pg-migrate sends its own BEGIN and COMMIT, which would commit the caller's work early: they are
 * replaced by a savepoint. It sets the search path for the session, which ends with the client.
 */
export async function runSharedMigrations(client: pg.ClientBase): Promise<readonly string[]> {
  await validateSharedMigrations();
  // Loaded here: most commands run no migration.
  const { runner } = await import('node-pg-migrate');
  const words: Record<string, string> = {
    BEGIN: 'savepoint migrations',
    COMMIT: 'release savepoint migrations',
    ROLLBACK: 'rollback to savepoint migrations',
  };
  const insideOurTransaction = {
    query: (query: string | pg.QueryConfig, values?: unknown[]) =>
      typeof query === 'string' && words[query]
        ? client.query(words[query])
        : client.query(query as string, values),
  };
  const errorHandler: string[] = [];
  const keep = (message: string): void => {
    errorHandler.push(message);
  };
  try {
    const applied = await runner({
      dbClient: insideOurTransaction as unknown as pg.ClientBase,
      dir: SHARED_MIGRATIONS,
      direction: 'up',
      schema: 'public',
      migrationsSchema: 'tenancy_migrations',
      migrationsTable: 'shared',
      singleTransaction: true,
      // The caller holds a lock that ends with its transaction.
      noLock: true,
      migrationLoaderStrategies: [{ extensions: ['.ts', '.js'], loader: loadNatively }],
      logger: { debug: () => {}, info: () => {}, warn: keep, error: keep },
    });
    return applied.map(({ name }) => name);
  } catch (error) {
    throw new Error(
      `The shared migrations failed: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}
