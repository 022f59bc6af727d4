import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import copy from 'pg-copy-streams';

import { hasSqlState, SQLSTATE } from '../../../db/sqlstate.ts';
import { OperatorError } from '../../../errors.ts';
import type { TenantIdentity } from '../../registry/tenant.ts';
import { readObstacles } from './obstacles.ts';
import { renameNames } from './own-names.ts';
import {
  enterTables,
  qualified,
  readSequenceNames,
  readTables,
  rowsIn,
  type SequenceState,
  type TableShape,
} from './tables.ts';

/** Loads the rows of one table from COPY text, and returns their number. */
export type LoadTable = (table: TableShape, rows: Readable) => Promise<number>;

export type Rows = Readonly<{
  /** The tenant that the rows come from. */
  original: Readonly<{ schema: string; role: string }>;
  tables: readonly TableShape[];
  sequences: readonly SequenceState[];
  /** Calls `load` with the rows of each table, at most once for a table. */
  eachTable: (load: LoadTable) => Promise<void>;
}>;

/** Undefined schema, table, column, object or function. */
const UNDEFINED = [
  SQLSTATE.INVALID_SCHEMA_NAME,
  SQLSTATE.UNDEFINED_TABLE,
  SQLSTATE.UNDEFINED_COLUMN,
  SQLSTATE.UNDEFINED_OBJECT,
  SQLSTATE.UNDEFINED_FUNCTION,
] as const;

/**
 * SQLSTATEs that the rows cause: data exceptions, violated constraints, and values that name an object
 * which does not exist (regclass and its relatives).
 */
const isRowsFault = (error: unknown, code: string): boolean =>
  /^2[23]/.test(code) ||
  hasSqlState(error, ...UNDEFINED, SQLSTATE.SYNTAX_ERROR, SQLSTATE.INVALID_NAME, SQLSTATE.AMBIGUOUS_FUNCTION);

const blameRows = (error: { code?: string; message: string }): never => {
  throw isRowsFault(error, error.code ?? '')
    ? new OperatorError('dump_invalid', `The rows cannot be inserted: ${error.message}.`, {
        cause: error,
      })
    : error;
};

const difference = (ours: readonly TableShape[], theirs: readonly TableShape[]): string | null => {
  const ourColumns = new Map(ours.map(({ name, columns }) => [name, columns]));
  const theirColumns = new Map(theirs.map(({ name, columns }) => [name, columns]));
  for (const name of new Set([...ourColumns.keys(), ...theirColumns.keys()])) {
    const [mine, other] = [ourColumns.get(name), theirColumns.get(name)];
    if (!mine || !other) {
      return `table "${name}" ${mine ? 'is missing from the rows' : 'is not created by the migrations'}`;
    }
    const odd = [...mine, ...other].find((column) => !mine.includes(column) || !other.includes(column));
    if (odd) {
      return `column "${odd}" of table "${name}" exists on one side only`;
    }
  }
  return null;
};

/** The open tables of a tenant that is being created. */
export type Loading = Readonly<{
  load: LoadTable;
  /** Restores constraints, triggers and policies, and validates the rows. Leaves the login's own role. */
  finish: (sequences: readonly SequenceState[]) => Promise<void>;
}>;

/**
 * Opens the tables of a tenant that is being created, for the rows of another tenant, inside the
 * transaction of `client`.
 *
 * Rows that the migrations inserted are deleted. Generated columns are computed again, identities and
 * sequences continue from their old values, foreign keys are checked over all rows at the end, and
 * triggers do not fire.
 *
 * @throws OperatorError `dump_invalid` when the rows do not match the tables
 */
export async function openTables(
  client: pg.Client,
  { schema }: Pick<TenantIdentity, 'schema'>,
  tables: readonly TableShape[],
): Promise<Loading> {
  await enterTables(client, schema);
  const ours = await readTables(client, schema);
  const odd = difference(ours, tables);
  if (odd) {
    throw new OperatorError(
      'dump_invalid',
      `The rows do not match the tables of the migrations: ${odd}. A table was changed by hand, or a migration was edited.`,
    );
  }
  const { suspend, resume } = await readObstacles(client, schema);
  for (const statement of suspend) {
    await client.query(statement);
  }
  for (const table of ours) {
    await client.query(`delete from ${rowsIn(table, schema)}`);
  }
  return {
    load: (table, rows) => copyInto(client, qualified(schema, table.name), table.columns, rows),
    finish: async (sequences) => {
      await setSequences(client, schema, sequences);
      for (const statement of resume) {
        await client.query(statement).catch(blameRows);
      }
      // Restores and checks everything that isolation needs.
      await client.query('select tenancy.protect_schema($1)', [schema]);
      for (const table of ours) {
        await analyze(client, qualified(schema, table.name));
      }
      await client.query('set local search_path = pg_catalog, pg_temp');
      await client.query('reset role');
    },
  };
}

/**
 * Analyzes a table. From version 17 on PostgreSQL evaluates index expressions and statistics with an
 * empty path here, so a function may not find the objects that it names. An error is ignored: such a
 * table could not be analyzed before either.
 */
async function analyze(client: pg.ClientBase, table: string): Promise<void> {
  await client.query('savepoint statistics');
  try {
    await client.query(`analyze ${table}`);
    await client.query('release savepoint statistics');
  } catch (error) {
    if (!hasSqlState(error, ...UNDEFINED)) {
      throw error;
    }
    await client.query('rollback to savepoint statistics; release savepoint statistics');
  }
}

/** Loads COPY text into a table, whose name is SQL. Returns the number of rows. */
export async function copyInto(
  client: pg.Client,
  table: string,
  columns: readonly string[],
  rows: Readable,
): Promise<number> {
  const list = columns.length > 0 ? ` (${columns.map(pg.escapeIdentifier).join(', ')})` : '';
  const into = client.query(copy.from(`copy ${table}${list} from stdin`));
  await pipeline(rows, into).catch(blameRows);
  return into.rowCount;
}

/** Loads the tables of a tenant that is being created: see `openTables`. */
export async function loadTables(
  client: pg.Client,
  identity: TenantIdentity,
  { original, tables, sequences, eachTable }: Rows,
): Promise<void> {
  const { load, finish } = await openTables(client, identity, tables);
  await eachTable(load);
  if (original.schema !== identity.schema || original.role !== identity.role) {
    await renameNames(client, original, identity);
  }
  await finish(sequences);
}

/**
 * Sets the sequences of a schema.
 *
 * @throws OperatorError `dump_invalid` for a sequence that does not exist
 */
export async function setSequences(
  client: pg.Client,
  schema: string,
  sequences: readonly SequenceState[],
): Promise<void> {
  const existing = new Set(await readSequenceNames(client, schema));
  for (const { name, last_value, is_called } of sequences) {
    if (!existing.has(name)) {
      throw new OperatorError(
        'dump_invalid',
        `The rows have a sequence "${name}", which the migrations do not create.`,
      );
    }
    await client
      .query('select setval($1::regclass, $2::bigint, $3)', [qualified(schema, name), last_value, is_called])
      .catch(blameRows);
  }
}
