import type pg from 'pg';

import { OperatorError } from '../../../errors.ts';
import type { TableDeclarations } from '../../registry/table-declarations.ts';
import { RELATIONS } from './tables.ts';

/** The destination of rows: `itself` for a dump file or the same tenant, `copy` for another tenant. */
export type RowsFor = 'itself' | 'copy';

/**
 * Returns the names of the tables whose rows are not written to the destination: those that an app declares
 * with `dump: 'never'`, or with `'original'` if the destination is a copy. Includes partitions and
 * inheritance children of these tables.
 *
 * Reads the catalog of the schema, not the dump, so an edited dump cannot restore such rows.
 */
export async function readWithheldTables(
  client: pg.ClientBase,
  schema: string,
  declarations: TableDeclarations,
  rowsFor: RowsFor,
): Promise<ReadonlySet<string>> {
  const declared = Object.entries(declarations)
    .filter(([, { dump = 'rows' }]) => dump === 'never' || (dump === 'original' && rowsFor === 'copy'))
    .map(([name]) => name);
  const { rows } = await client.query<{ name: string }>(
    `with recursive withheld as (
       select c.oid
       ${RELATIONS}
         and c.relkind in ('r', 'p')
         and c.relname = any ($2::text[])
       union
       select i.inhrelid
       from withheld as w
       join pg_catalog.pg_inherits as i on i.inhparent = w.oid
     )
     select c.relname as name
     from withheld as w
     join pg_catalog.pg_class as c on c.oid = w.oid
     order by c.relname collate "C"`,
    [schema, declared],
  );
  return new Set(rows.map(({ name }) => name));
}

/**
 * Checks that no other table has a foreign key to a withheld one: its rows could not be restored without the
 * withheld rows.
 *
 * @throws OperatorError `precondition_failed` naming both tables
 */
export async function assertSeparable(
  client: pg.ClientBase,
  schema: string,
  withheld: ReadonlySet<string>,
): Promise<void> {
  const { rows } = await client.query<{ name: string; refers_to: string }>(
    `select c.relname as name, r.relname as refers_to
     ${RELATIONS.replace(
       'where',
       `
       join pg_catalog.pg_constraint as k on k.conrelid = c.oid and k.contype = 'f'
       join pg_catalog.pg_class as r on r.oid = k.confrelid
       where`,
     )}
       and c.relkind = 'r'
       and r.relname = any ($2::text[])
       and c.relname <> all ($2::text[])
     order by c.relname collate "C"
     limit 1`,
    [schema, [...withheld]],
  );
  const [reference] = rows;
  if (reference) {
    throw new OperatorError(
      'precondition_failed',
      `Table "${reference.name}" refers to "${reference.refers_to}", whose rows are omitted. Declare the same \`dump\` for both, or drop the foreign key.`,
    );
  }
}
