import pg from 'pg';

import { SQLSTATE } from '../../db/sqlstate.ts';
import { type DomainError, OperatorError } from '../../errors.ts';
import type { Extension } from '../registry/project.ts';

const failed = (message: string, cause?: unknown): DomainError =>
  new OperatorError('precondition_failed', message, { cause });

/** Fails for an extension that PostgreSQL does not trust, or without CREATE on the database. */
async function createExtension(client: pg.ClientBase, name: Extension): Promise<void> {
  try {
    await client.query(`create extension ${pg.escapeIdentifier(name)} schema extensions`);
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    throw failed(
      code === SQLSTATE.INSUFFICIENT_PRIVILEGE
        ? `The migrating login cannot create the extension "${name}": ${message}. As a superuser: create extension ${pg.escapeIdentifier(name)} schema extensions`
        : `The extension "${name}" cannot be created: ${message}.`,
      error,
    );
  }
}

/**
 * Creates the extensions in the schema `extensions`, inside a transaction of the migrating login.
 * Existing ones are not changed.
 *
 * @throws OperatorError `precondition_failed` when the server does not have an extension, when the login
 *   may not create it, and when it is in another schema
 */
export async function installExtensions(
  client: pg.ClientBase,
  extensions: readonly Extension[],
): Promise<void> {
  const { rows } = await client.query<{ name: Extension; available: boolean; schema: string | null }>(
    `select
       w.name,
       exists (select from pg_catalog.pg_available_extensions as a where a.name = w.name) as available,
       (
         select n.nspname::text
         from pg_catalog.pg_extension as e
         join pg_catalog.pg_namespace as n on n.oid = e.extnamespace
         where e.extname = w.name
       ) as schema
     from unnest($1::text[]) as w (name)`,
    [extensions],
  );
  for (const { name, available, schema } of rows) {
    if (schema !== null && schema !== 'extensions') {
      throw failed(
        `The extension "${name}" is in schema ${schema}, which is not on the path of tenants: alter extension ${pg.escapeIdentifier(name)} set schema extensions`,
      );
    }
    if (schema === null && !available) {
      throw failed(
        `The project declares the extension "${name}", which is not available on this server. Install the PostgreSQL package that contains it, or remove it from \`extensions\`.`,
      );
    }
    if (schema === null) {
      await createExtension(client, name);
    }
  }
}
