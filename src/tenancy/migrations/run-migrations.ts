import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { runner } from 'node-pg-migrate';
import type pg from 'pg';

import { SITE_SCHEMA } from '../registry/tenant.ts';

/** Where the migrations of the code are. */
export const MIGRATIONS = path.resolve(import.meta.dirname, '../../../migrations');

/** Apps whose tables the public site has too: operators have accounts, and no projects. */
const SITE_APPS = ['accounts'];
const OF_SITE = new RegExp(`^\\d+_(?:${SITE_APPS.join('|')})(?:[._]|$)`);

/** Whether the public site has a tenant migration too, by its name. */
export const isOfSite = (name: string): boolean => OF_SITE.test(name);

const loadNatively = (files: string[]) =>
  Promise.all(
    files.map(async (file) => ({
      id: file,
      filePaths: [file],
      actions: await import(pathToFileURL(file).href),
    })),
  );

/** Names of the migrations that a schema needs, oldest first. */
export async function migrationNames(kind: 'shared' | 'tenant', schema: string): Promise<readonly string[]> {
  const wanted = schema === SITE_SCHEMA && kind === 'tenant' ? isOfSite : () => true;
  const files = await readdir(path.join(MIGRATIONS, kind));
  return files
    .filter((file) => /\.[jt]s$/.test(file) && wanted(file))
    .map((file) => file.replace(/\.[jt]s$/, ''))
    .sort();
}

/**
 * Runs the pending shared migrations inside the transaction that `client` is in,
 * and answers their names.
 *
 * node-pg-migrate sends BEGIN and COMMIT of its own, which would commit its
 * caller's work halfway: here they become a savepoint. The path that it sets is
 * the session's: it ends with the client.
 */
export async function runSharedMigrations(client: pg.ClientBase): Promise<readonly string[]> {
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
  const problems: string[] = [];
  const keep = (message: string): void => {
    problems.push(message);
  };
  try {
    const applied = await runner({
      dbClient: insideOurTransaction as unknown as pg.ClientBase,
      dir: path.join(MIGRATIONS, 'shared'),
      direction: 'up',
      schema: 'public',
      migrationsSchema: 'tenancy_migrations',
      migrationsTable: 'shared',
      singleTransaction: true,
      // The caller holds a lock of its own, which ends with the transaction.
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
