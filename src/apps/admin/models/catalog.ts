import { LRUCache } from 'lru-cache';
import { sql } from 'slonik';
import { z } from 'zod';

import type { Context } from '../../../http/state.ts';

/** Milliseconds for which the columns of tables are cached. A migration may change them. */
const TTL = 60_000;
const MAX_KEPT = 100;

const row = z.strictObject({
  table: z.string(),
  column: z.string(),
  is_required: z.boolean(),
  default: z.string().nullable(),
  refers_to: z.string().nullable(),
});

/** A column of a table of the current tenant. */
export type Column = Readonly<{
  /** Whether an insert must set it: it is not null, and has no default. */
  isRequired: boolean;
  /** Its default, if that is a constant. Undefined: it is none. */
  default: string | number | boolean | undefined;
  /** The table that a foreign key with this column alone refers to, by its `id`. */
  refersTo: string | null;
}>;

/** Table to column to what the catalog has about it. */
export type Catalog = ReadonlyMap<string, ReadonlyMap<string, Column>>;

const selectColumns = (tables: readonly string[]) => sql.type(row)`
  select
    c.relname::text as table,
    a.attname::text as column,
    a.attnotnull and not a.atthasdef and a.attidentity = '' and a.attgenerated = '' as is_required,
    case when a.attgenerated = '' then pg_catalog.pg_get_expr(d.adbin, d.adrelid) end as "default",
    (
      select min(r.relname::text)
      from pg_catalog.pg_constraint as k
      join pg_catalog.pg_class as r on r.oid = k.confrelid and r.relnamespace = c.relnamespace
      join pg_catalog.pg_attribute as t on t.attrelid = r.oid and t.attnum = k.confkey[1]
      where k.conrelid = c.oid
        and k.contype = 'f'
        and k.conkey = array[a.attnum]
        and t.attname = 'id'
    ) as refers_to
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
  join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  left join pg_catalog.pg_attrdef as d on d.adrelid = c.oid and d.adnum = a.attnum
  where n.nspname = current_schema()
    and c.relname = any(${sql.array([...tables], 'text')})
    and c.relkind in ('r', 'p')
`;

/** Returns the value of an expression such as `'A'::text`. Undefined: it is no constant. */
function constantOf(expression: string | null): Column['default'] {
  if (expression === 'true' || expression === 'false') {
    return expression === 'true';
  }
  if (/^-?\d{1,15}(?:\.\d{1,15})?$/.test(expression ?? '')) {
    return Number(expression);
  }
  const [, text] = /^'((?:[^']|'')*)'(?:::[\w ".]+)?$/.exec(expression ?? '') ?? [];
  return text === undefined || text === '' ? undefined : text.replaceAll("''", "'");
}

/**
 * Creates a function that reads columns and foreign keys of tables in the tenant's transaction. Tenants of the same
 * version have the same columns, so the result is cached for all of them.
 */
export function createCatalog(tables: readonly string[]): (ctx: Context) => Promise<Catalog> {
  const known = new LRUCache<string, Catalog>({ max: MAX_KEPT, ttl: TTL });
  return async ({ state: { tx, tenant } }) => {
    const key = JSON.stringify([tenant.isSite, tenant.migratedTo]);
    const cached = known.get(key);
    if (cached) {
      return cached;
    }
    const catalog = new Map<string, Map<string, Column>>();
    for (const found of await tx.any(selectColumns(tables))) {
      const columns = catalog.get(found.table) ?? new Map<string, Column>();
      columns.set(found.column, {
        isRequired: found.is_required,
        default: constantOf(found.default),
        refersTo: found.refers_to,
      });
      catalog.set(found.table, columns);
    }
    known.set(key, catalog);
    return catalog;
  };
}
