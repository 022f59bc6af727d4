import pg from 'pg';
import { z } from 'zod';

import { TEXT_SETTINGS } from '../../../db/admin/text-settings.ts';
import { enterAsOwner } from '../../context/with-owner-tenant.ts';

/** A name as PostgreSQL stores it. */
export const identifier = z
  .string()
  .refine((name) => name !== '' && !name.includes('\0') && Buffer.byteLength(name) <= 63);

/** Whether all values are different. */
export const areUnique = (values: readonly string[]): boolean => new Set(values).size === values.length;

/** Maximum number of columns that PostgreSQL allows in a table. */
const MAX_COLUMNS = 1_600;

/** A table and its stored columns. Generated columns are computed again at the target. */
export const tableShape = z.strictObject({
  name: identifier,
  columns: z.array(identifier).max(MAX_COLUMNS).refine(areUnique),
  /** Whether it is the root of partitions, whose rows are read and written through it. */
  partitioned: z.boolean().default(false),
});
export type TableShape = Readonly<z.infer<typeof tableShape>>;

const BIGINT_MAX = 2n ** 63n - 1n;

const isBigint = (text: string): boolean =>
  /^-?\d{1,19}$/.test(text) && BigInt(text) <= BIGINT_MAX && BigInt(text) >= -BIGINT_MAX - 1n;

export const sequenceState = z.strictObject({
  name: identifier,
  /** As text: a sequence exceeds the range of exact numbers. */
  last_value: z.string().refine(isBigint),
  is_called: z.boolean(),
});
export type SequenceState = Readonly<z.infer<typeof sequenceState>>;

/** Settings of a transaction that copies values: a digest of the text is a digest of the values. */
const COPY_SETTINGS = `
  set local client_encoding = 'UTF8';
  ${TEXT_SETTINGS};
  set local statement_timeout = 0;
  set local idle_in_transaction_session_timeout = 0
`;

/**
 * Prepares the transaction to read and write a tenant's values, as tenant_owner. With the schema on
 * the path, a value that names an object (regclass and its relatives) is written without the schema's
 * name.
 */
export async function enterTables(client: pg.ClientBase, schema: string): Promise<void> {
  await client.query(COPY_SETTINGS);
  await enterAsOwner(client, schema);
}

export const qualified = (schema: string, table: string): string =>
  `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(table)}`;

/** Returns a table for FROM, LOCK and DELETE: with `only`, unless its rows are in its partitions. */
export const rowsIn = (
  { name, partitioned }: Pick<TableShape, 'name' | 'partitioned'>,
  schema: string,
): string => `${partitioned ? '' : 'only '}${qualified(schema, name)}`;

// Uses pg_depend, which has an index on the schema. pg_class has none, and scanning it takes longer
// with every tenant.
export const RELATIONS = `
  from pg_catalog.pg_namespace as n
  join pg_catalog.pg_depend as d
    on d.refclassid = 'pg_catalog.pg_namespace'::regclass
    and d.refobjid = n.oid
    and d.classid = 'pg_catalog.pg_class'::regclass
  join pg_catalog.pg_class as c on c.oid = d.objid
  where n.nspname = $1
`;

/** Joins the types `p.type` of which the type `t.type` consists: elements, base types, columns. */
export const PARTS_OF_TYPE = `
  join pg_catalog.pg_type as y on y.oid = t.type
  cross join lateral (
    select y.typelem as type
    union all
    select y.typbasetype
    union all
    select g.rngsubtype
    from pg_catalog.pg_range as g
    where y.oid in (g.rngtypid, g.rngmultitypid)
    union all
    select a.atttypid
    from pg_catalog.pg_attribute as a
    where a.attrelid = y.typrelid
      and a.attnum > 0
      and not a.attisdropped
  ) as p
  where p.type <> 0
`;

/**
 * Returns the tables of a schema that hold rows, by name: partitions instead of their parents.
 *
 * Partitions by OIDs (the hash of an enum value, or a reg* type) are replaced by their root: OIDs
 * differ in a copy, so a row may belong to another partition there.
 */
export async function readTables(client: pg.ClientBase, schema: string): Promise<readonly TableShape[]> {
  const { rows } = await client.query(
    `with recursive relations as materialized (
       select c.oid, c.relname, c.relkind, c.relispartition
       ${RELATIONS}
         and c.relkind in ('r', 'p')
     ),
     -- The types of which the values of a partitioned table consist.
     types as (
       select r.oid as relation, a.atttypid as type
       from relations as r
       join pg_catalog.pg_attribute as a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
       where r.relkind = 'p'
       union
       select t.relation, p.type
       from types as t
       ${PARTS_OF_TYPE}
     ),
     roots as (
       select distinct pg_partition_root(t.relation)::oid as oid
       from types as t
       join pg_catalog.pg_type as y on y.oid = t.type
       join pg_catalog.pg_partitioned_table as p on p.partrelid = t.relation
       where (p.partstrat = 'h' and y.typtype = 'e')
         or (y.typnamespace = 'pg_catalog'::regnamespace and y.typname like 'reg%')
     )
     select
       r.relname as name,
       coalesce(
         (
           select array_agg(a.attname::text order by a.attnum)
           from pg_catalog.pg_attribute as a
           where a.attrelid = r.oid
             and a.attnum > 0
             and not a.attisdropped
             and a.attgenerated = ''
         ),
         '{}'
       ) as columns,
       r.relkind = 'p' as partitioned
     from relations as r
     where case r.relkind
       when 'p' then r.oid in (select o.oid from roots as o)
       else
         not r.relispartition
         or pg_partition_root(r.oid)::oid not in (select o.oid from roots as o)
     end
     order by r.relname collate "C"`,
    [schema],
  );
  return rows.map((row) => tableShape.parse(row));
}

/** Returns the names of a schema's sequences, including those of identity columns. */
export async function readSequenceNames(client: pg.ClientBase, schema: string): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select c.relname as name
     ${RELATIONS}
       and c.relkind = 'S'
     order by c.relname collate "C"`,
    [schema],
  );
  return rows.map(({ name }) => name);
}
