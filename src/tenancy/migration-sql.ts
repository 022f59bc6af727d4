import { readSqlFile } from '../db/sql-file.ts';

/** As much of node-pg-migrate's builder as an SQL file needs. */
type Builder = { sql: (text: string) => void };
type Up = (pgm: Builder) => Promise<void>;

/** A shared migration that applies files of sql/shared/, in order. */
export function sharedSql(...files: readonly string[]): Up {
  return async function up(pgm) {
    for (const file of files) {
      pgm.sql(await readSqlFile(`shared/${file}`));
    }
  };
}

/**
 * A tenant migration that applies files of sql/tenant/, in order.
 *
 * Enters the schema's tenant first (forced row-level security hides rows from
 * the owner too) and protects what was made afterwards, in the same
 * transaction: a table cannot forget its policy.
 */
export function tenantSql(...files: readonly string[]): Up {
  return async function up(pgm) {
    pgm.sql('select tenancy.enter_owner(current_schema())');
    for (const file of files) {
      pgm.sql(await readSqlFile(`tenant/${file}`));
    }
    pgm.sql('select tenancy.protect_schema(current_schema())');
  };
}
