import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type pg from 'pg';

import { readSqlFile } from '../../db/sql/sql-file.ts';
import { SQLSTATE } from '../../db/sqlstate.ts';
import { OperatorError } from '../../errors.ts';
import { sharedMigrationNames } from '../migrations/migration-files.ts';

export type ContextMode = 'guarded' | 'signed';

const FUNCTIONS = path.resolve(import.meta.dirname, '../../../sql/shared/functions');

/** The two implementations of the tenant context. One of them is applied. */
const CONTEXTS = ['functions/context-guarded', 'functions/context-signed'];

/** Returns the files of sql/shared/functions/ without their extension, in a fixed order. */
async function functionFiles(): Promise<readonly string[]> {
  const files = await readdir(FUNCTIONS);
  return files
    .filter((file) => file.endsWith('.sql'))
    .map((file) => `functions/${path.basename(file, '.sql')}`)
    .sort();
}

/**
 * Returns a digest of the shared schema that the code expects: its migrations, and the files that are
 * applied again whenever they change.
 */
export async function sharedFingerprint(): Promise<string> {
  const hash = createHash('sha256');
  hash.update((await sharedMigrationNames()).join());
  for (const file of ['roles', 'schemas', ...(await functionFiles()), 'grants', 'hardening', 'extensions']) {
    hash.update(await readSqlFile(`shared/${file}.sql`, { service: 'service', database: 'database' }));
  }
  return hash.digest('hex').slice(0, 16);
}

/** Sends a file of sql/shared/ with its placeholders replaced. */
export async function applySharedFile(client: pg.Client, file: string, service: string): Promise<void> {
  const { rows } = await client.query<{ database: string }>('select current_database() as database');
  await client.query(await readSqlFile(`shared/${file}.sql`, { service, database: rows[0]?.database ?? '' }));
}

/** Runs work as the owner of the shared schema. */
export async function asOwner<T>(client: pg.Client, work: () => Promise<T>): Promise<T> {
  await client.query('set local role tenancy_owner');
  const result = await work();
  await client.query('reset role');
  return result;
}

/**
 * Creates or replaces every function of schema tenancy except the tenant context.
 *
 * Runs before the shared migrations, whose triggers and statements call the
 * functions. The tables that the bodies name may not exist yet, so PostgreSQL does
 * not check the bodies here.
 *
 * @throws OperatorError `precondition_failed` when a function of another shape must be dropped first
 */
export async function applyFunctions(client: pg.Client, service: string): Promise<void> {
  await client.query('set local check_function_bodies = off');
  try {
    for (const file of await functionFiles()) {
      if (!CONTEXTS.includes(file)) {
        await applySharedFile(client, file, service);
      }
    }
  } catch (error) {
    const { code, hint, message } = error as { code?: string; hint?: string; message: string };
    // A replaced function has another result type or other argument names.
    throw code === SQLSTATE.INVALID_FUNCTION_DEFINITION
      ? new OperatorError(
          'precondition_failed',
          `A function of schema tenancy cannot be replaced: ${message}. ${hint ?? ''}`,
          { cause: error },
        )
      : error;
  }
  await client.query('set local check_function_bodies = on');
}

/** Creates the functions of the tenant context, and returns the mode that is in force. */
export async function applyContext(
  client: pg.Client,
  wanted: ContextMode | 'auto',
  service: string,
): Promise<ContextMode> {
  if (wanted !== 'signed') {
    try {
      await client.query('savepoint context_mode');
      await client.query('grant set on parameter backtrace_functions to tenancy_owner');
      await client.query('release savepoint context_mode');
      await asOwner(client, () => applySharedFile(client, 'functions/context-guarded', service));
      return 'guarded';
    } catch (error) {
      if (wanted === 'guarded') {
        throw error;
      }
      await client.query('rollback to savepoint context_mode');
    }
  }
  await asOwner(client, () => applySharedFile(client, 'functions/context-signed', service));
  return 'signed';
}
