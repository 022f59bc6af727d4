import { LRUCache } from 'lru-cache';
import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';

import type { Violation } from './violations.ts';

/**
 * Milliseconds for which columns are cached. A migration may change the columns of a constraint under
 * the same name.
 */
const TTL = 600_000;

const row = z.strictObject({ name: z.string() });

/** Returns the columns of a constraint or a unique index, in order; empty if they cannot be determined. */
export type ConstraintColumns = (
  pool: Pick<CommonQueryMethods, 'any'>,
  violation: Violation,
) => Promise<readonly string[]>;

/**
 * Creates a cached lookup of the columns of a violated constraint in the catalog.
 *
 * PostgreSQL does not report them: for a table with row-level security it omits the detail that names
 * them. The catalog is read as the service's login, so that the tenant's role needs no further right.
 */
export function createConstraintColumns(): ConstraintColumns {
  const known = new LRUCache<string, readonly string[]>({ max: 1_000, ttl: TTL });
  return async (pool, { schema, table, constraint }) => {
    const name = [schema, table, constraint].join('\0');
    const found = known.get(name);
    if (found) {
      return found;
    }
    const rows = await pool.any(sql.type(row)`
      with parts as (
        select k.conrelid as relation, p.attnum, null as expression, p.place
        from pg_catalog.pg_constraint as k
        cross join lateral unnest(k.conkey) with ordinality as p (attnum, place)
        where k.conname = ${constraint}
        union all
        select
          i.indrelid,
          p.attnum,
          pg_catalog.pg_get_indexdef(i.indexrelid, p.place::integer, false),
          p.place
        from pg_catalog.pg_index as i
        join pg_catalog.pg_class as x on x.oid = i.indexrelid
        cross join lateral unnest(i.indkey::smallint[]) with ordinality as p (attnum, place)
        where x.relname = ${constraint}
          and p.place <= i.indnkeyatts
          and not exists (
            select
            from pg_catalog.pg_constraint as k
            where k.conindid = i.indexrelid
              and k.contype in ('p', 'u', 'x')
          )
      )
      select a.attname::text as name
      from parts as p
      join pg_catalog.pg_class as c on c.oid = p.relation
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
      join pg_catalog.pg_attribute as a
        on a.attrelid = c.oid
        and a.attnum > 0
        and (
          a.attnum = p.attnum
          or p.attnum = 0
            and a.attname::text = any (regexp_split_to_array(p.expression, '[^[:alnum:]_$]+'))
        )
      where n.nspname = ${schema}
        and c.relname = ${table}
      order by p.place
    `);
    const columns = rows.map(({ name: column }) => column);
    known.set(name, columns);
    return columns;
  };
}
