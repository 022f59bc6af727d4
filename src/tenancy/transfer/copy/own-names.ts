import pg from 'pg';

import { OperatorError } from '../../../errors.ts';
import { PARTS_OF_TYPE, qualified, RELATIONS, rowsIn } from './tables.ts';

/** The names of a tenant that a value can contain. */
export type OwnNames = Readonly<{ schema: string; role: string }>;

/** A stored column whose type consists of, or contains, types that name objects (regclass and its relatives). */
type NamingColumn = Readonly<{
  table: string;
  column: string;
  partitioned: boolean;
  /** `value` and `array` without composite types, ranges or domains of elements in between. */
  shape: 'value' | 'array' | 'nested';
  /** `regrole` or `regnamespace` of a value or of an array's elements, otherwise null. */
  named: 'regrole' | 'regnamespace' | null;
  /** Whether `regrole` or `regnamespace` is anywhere in the type. */
  mayName: boolean;
}>;

async function readNamingColumns(client: pg.ClientBase, schema: string): Promise<readonly NamingColumn[]> {
  const { rows } = await client.query<NamingColumn>(
    `with recursive columns as materialized (
       select c.oid as relation, c.relname, c.relkind, a.attnum, a.attname, a.atttypid
       ${RELATIONS.replace('where', 'join pg_catalog.pg_attribute as a on a.attrelid = c.oid where')}
         and c.relkind in ('r', 'p')
         and not c.relispartition
         and a.attnum > 0
         and not a.attisdropped
         and a.attgenerated = ''
     ),
     -- The types of which a column's values consist.
     parts as (
       select l.relation, l.attnum, l.atttypid as type
       from columns as l
       union
       select t.relation, t.attnum, p.type
       from parts as t
       ${PARTS_OF_TYPE}
     ),
     -- A column's type under its domains.
     bases as (
       select l.relation, l.attnum, l.atttypid as type
       from columns as l
       union all
       select b.relation, b.attnum, y.typbasetype
       from bases as b
       join pg_catalog.pg_type as y on y.oid = b.type
       where y.typtype = 'd'
     ),
     naming as (
       select y.oid, y.typname
       from pg_catalog.pg_type as y
       where y.typnamespace = 'pg_catalog'::regnamespace
         and y.typname like 'reg%'
         and y.typtype = 'b'
     )
     select
       l.relname as "table",
       l.attname as "column",
       l.relkind = 'p' as partitioned,
       case when v.oid is not null then 'value' when e.oid is not null then 'array' else 'nested' end as shape,
       case
         when coalesce(v.typname, e.typname) in ('regrole', 'regnamespace') then coalesce(v.typname, e.typname)
       end as named,
       exists (
         select
         from parts as t
         join naming as g on g.oid = t.type
         where t.relation = l.relation
           and t.attnum = l.attnum
           and g.typname in ('regrole', 'regnamespace')
       ) as "mayName"
     from columns as l
     join bases as b on b.relation = l.relation and b.attnum = l.attnum
     join pg_catalog.pg_type as y on y.oid = b.type and y.typtype <> 'd'
     left join naming as v on v.oid = y.oid
     left join naming as e on e.oid = y.typelem and y.typlen = -1
     where exists (
       select
       from parts as t
       join naming as g on g.oid = t.type
       where t.relation = l.relation
         and t.attnum = l.attnum
     )
     order by l.relname collate "C", l.attnum`,
    [schema],
  );
  return rows;
}

/**
 * Replaces the original's schema and role by the copy's, in values and arrays of the types
 * regnamespace and regrole. Unlike other names, these do not depend on the path.
 */
async function renameOwnNames(
  client: pg.ClientBase,
  columns: readonly NamingColumn[],
  original: OwnNames,
  copy: OwnNames,
): Promise<void> {
  for (const { table, column, named, shape } of columns) {
    if (named !== null) {
      const [from, to] = named === 'regrole' ? [original.role, copy.role] : [original.schema, copy.schema];
      const name = pg.escapeIdentifier(column);
      const [before, after] = [
        `to_${named}(${pg.escapeLiteral(pg.escapeIdentifier(from))})`,
        `${pg.escapeLiteral(pg.escapeIdentifier(to))}::${named}`,
      ];
      await client.query(
        shape === 'array'
          ? `update ${qualified(copy.schema, table)} set ${name} = array_replace(${name}, ${before}, ${after})
             where ${before} = any (${name})`
          : `update ${qualified(copy.schema, table)} set ${name} = ${after} where ${name} = ${before}`,
      );
    }
  }
}

/** Returns the names as alternatives of a regular expression. */
const anyOf = (...names: readonly string[]): string =>
  `(?:${names.map((name) => name.replaceAll(/[^a-zA-Z0-9_]/g, '\\$&')).join('|')})`;

/** Returns a regular expression for the texts of values that name the schema or the role of `own`. */
function namesIn({ mayName }: NamingColumn, { schema, role }: OwnNames): string {
  // Inside of arrays and composite types, names have quotes and backslashes around them.
  const qualifier = `${anyOf(schema)}["\\\\]*[.]`;
  const word = `${anyOf(schema, role)}(?:[^[:alnum:]_$]|$)`;
  return `(?:^|[^[:alnum:]_$])(?:${mayName ? `${qualifier}|${word}` : qualifier})`;
}

/**
 * Checks that no value of the columns names the schema or the role of `own`, or an object of the
 * schema that is not on the path.
 */
async function assertWithoutNames(
  client: pg.ClientBase,
  schema: string,
  columns: readonly NamingColumn[],
  own: OwnNames,
): Promise<void> {
  for (const naming of columns) {
    const { table, column, partitioned } = naming;
    const { rows } = await client.query<{ found: boolean }>(
      `select exists (
         select
         from ${rowsIn({ name: table, partitioned }, schema)} as r
         where r.${pg.escapeIdentifier(column)}::text ~ $1
       ) as found`,
      [namesIn(naming, own)],
    );
    if (rows[0]?.found) {
      throw new OperatorError(
        'dump_invalid',
        `A value in column "${column}" of table "${table}" names "${own.schema}" or its role where a copy cannot replace it: inside a composite type or a range, or as the schema of an object that has the name of a built-in one. Change the value, then copy again.`,
      );
    }
  }
}

/**
 * Checks, before anything is copied, that all values which name an object of the tenant can name that
 * of the copy. The path of `enterTables` must be set.
 *
 * @throws OperatorError `dump_invalid` with the column
 */
export async function assertRenamable(client: pg.ClientBase, own: OwnNames): Promise<void> {
  const columns = await readNamingColumns(client, own.schema);
  await assertWithoutNames(
    client,
    own.schema,
    columns.filter(({ named }) => named === null),
    own,
  );
}

/**
 * Makes the values of a loaded copy name the copy's schema and role instead of the original's.
 *
 * @throws OperatorError `dump_invalid` for a value that still names the original's
 */
export async function renameNames(client: pg.ClientBase, original: OwnNames, copy: OwnNames): Promise<void> {
  const columns = await readNamingColumns(client, copy.schema);
  await renameOwnNames(client, columns, original, copy);
  await assertWithoutNames(client, copy.schema, columns, original);
}
