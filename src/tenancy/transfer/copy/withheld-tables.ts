import type pg from 'pg';

import { OperatorError } from '../../../errors.ts';
import type { TableDeclarations } from '../../registry/table-declarations.ts';
import { RELATIONS } from './tables.ts';

/** The destination of rows: `itself` for a file or the same tenant, `copy` for another tenant. */
export type RowsFor = 'itself' | 'copy';

/**
 * Returns the names of the tables whose rows are withheld, including partitions and children of
 * declared tables. Reads the catalog of the schema and never the dump: an edited dump cannot restore
 * such rows.
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
 * Checks that no table whose rows are kept refers to one whose rows are withheld: a file with such
 * rows could not be restored.
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
  const [crossing] = rows;
  if (crossing) {
    throw new OperatorError(
      'precondition_failed',
      `Table "${crossing.name}" refers to "${crossing.refers_to}", whose rows are omitted. Declare the same \`dump\` for both, or drop the foreign key.`,
    );
  }
}
