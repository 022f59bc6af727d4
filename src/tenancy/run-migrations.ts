import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { runner } from 'node-pg-migrate';
import type pg from 'pg';

import { SITE_SCHEMA } from './tenant.ts';

const MIGRATIONS = path.resolve(import.meta.dirname, '../../migrations');

/** Apps whose tables the public site has too: operators have accounts, and no projects. */
const SITE_APPS = ['accounts'];
const SITE_IGNORES = `(?!\\d+_(?:${SITE_APPS.join('|')})[._]).*`;

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
  const ignored = schema === SITE_SCHEMA && kind === 'tenant' ? new RegExp(`^${SITE_IGNORES}$`) : /^\./;
  const files = await readdir(path.join(MIGRATIONS, kind));
  return files
    .filter((file) => /\.[jt]s$/.test(file) && !ignored.test(file))
    .map((file) => file.replace(/\.[jt]s$/, ''))
    .sort();
}

/**
 * Runs the pending migrations of one schema inside the transaction that `client`
 * is in, all or the first `count` of them, and answers their names.
 *
 * node-pg-migrate sends BEGIN and COMMIT of its own, which would commit its
 * caller's work halfway: here they become a savepoint, so that a tenant's role,
 * schema, tables and registry row appear together or not at all. The path that
 * it sets is the session's: it ends with the client.
 */
export async function runMigrations(
  client: pg.ClientBase,
  {
    kind,
    schema,
    ledger,
    count,
  }: { kind: 'shared' | 'tenant'; schema: string; ledger: string; count?: number | undefined },
): Promise<readonly string[]> {
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
      dir: path.join(MIGRATIONS, kind),
      direction: 'up',
      ...(count === undefined ? {} : { count }),
      schema,
      migrationsSchema: 'tenancy_migrations',
      migrationsTable: ledger,
      singleTransaction: true,
      // The caller holds a lock of its own, which ends with the transaction.
      noLock: true,
      migrationLoaderStrategies: [{ extensions: ['.ts', '.js'], loader: loadNatively }],
      logger: { debug: () => {}, info: () => {}, warn: keep, error: keep },
      ...(schema === SITE_SCHEMA && kind === 'tenant' ? { ignorePattern: SITE_IGNORES } : {}),
    });
    return applied.map(({ name }) => name);
  } catch (error) {
    throw new Error(
      `The migrations of ${schema} failed: ${error instanceof Error ? error.message : String(error)}`,
      {
        cause: error,
      },
    );
  }
}
