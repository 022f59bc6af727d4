import path from 'node:path';

import { readSqlFile } from '../../db/sql/sql-file.ts';

/** The part of node-pg-migrate's builder that an SQL file needs. */
type Builder = { sql: (text: string) => void; noTransaction: () => void };
type SharedAction = ((pgm: Builder) => Promise<void>) & Readonly<{ sqlFiles: readonly string[] }>;
/** Called with the folder of the app's SQL, so that a migration names its files without it. */
type AppAction = ((pgm: Builder, sqlFolder: string) => Promise<void>) &
  Readonly<{ sqlFiles: readonly string[] }>;

/**
 * Returns an action that applies files of a folder in order. They are read once, for any number of
 * schemas.
 */
function applying(files: readonly string[]): AppAction {
  let texts: Promise<readonly string[]> | null = null;
  const apply = async (pgm: Builder, sqlFolder: string): Promise<void> => {
    texts ??= Promise.all(files.map((file) => readSqlFile(path.join(sqlFolder, file))));
    for (const text of await texts) {
      pgm.sql(text);
    }
  };
  return Object.assign(apply, { sqlFiles: files });
}

/** Returns a shared migration that applies files of sql/shared/, in order. */
export function sharedSql(...files: readonly string[]): SharedAction {
  const apply = applying(files);
  return Object.assign((pgm: Builder) => apply(pgm, 'shared'), { sqlFiles: files });
}

/**
 * Returns a tenant migration that applies files of the app's own SQL folder, in order, with unqualified names. The
 * engine enters the tenant before it and protects what it created.
 */
export const tenantSql = (...files: readonly string[]): AppAction => applying(files);

/**
 * Returns a migration of an app's global tables that applies files of its folder of global SQL, in order, with
 * unqualified names. It runs as `global_owner` in the schema `global`, and the engine grants SELECT on its columns.
 */
export const globalSql = (...files: readonly string[]): AppAction => applying(files);

/**
 * Returns a migration that runs outside a transaction: it applies files of the app's folder of
 * concurrent SQL, in order, each of them one statement with CONCURRENTLY. In a schema that is not in
 * use yet, the statements run without CONCURRENTLY in the transaction that creates it.
 */
export function concurrentSql(...files: readonly string[]): AppAction {
  const apply = applying(files);
  const applyOutside = (pgm: Builder, sqlFolder: string): Promise<void> => {
    pgm.noTransaction();
    return apply(pgm, sqlFolder);
  };
  return Object.assign(applyOutside, { sqlFiles: files });
}
