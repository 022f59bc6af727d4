import pg from 'pg';

import { copyInto } from './load-tables.ts';
import { columnList, copyOut } from './snapshot.ts';
import { qualified, rowsIn, type TableShape } from './tables.ts';

/** Temporary table with the changed rows of one table. Dropped before the transaction ends. */
const STAGE = 'koa_tenants_moving';

export type Measure = Readonly<{
  rows: number;
  /** Number of rows that were, or may have been, written since a horizon. */
  changed: number;
  /** Digest of all values of all rows, in any order. */
  digest: string;
}>;

/**
 * Returns the horizon: the transaction id below which all transactions have ended. Later writes have
 * this id or a higher one.
 */
export async function readHorizon(client: pg.ClientBase): Promise<string> {
  const { rows } = await client.query<{ horizon: string }>(
    'select (pg_snapshot_xmin(pg_current_snapshot())::text::numeric % 4294967296)::text as horizon',
  );
  return rows[0]?.horizon ?? '';
}

/** Counts and digests one table in one scan. `since`: a horizon of the same server, or null. */
export async function measureTable(
  client: pg.ClientBase,
  schema: string,
  table: TableShape,
  since: string | null = null,
): Promise<Measure> {
  const { rows } = await client.query<{ rows: string; changed: string; digest: string }>(
    `select
       count(*) as rows,
       count(*) filter (where age(t.xmin) <= age($1::text::xid)) as changed,
       coalesce(sum(hashtextextended(row(${columnList(table)})::text, 0)), 0)::text as digest
     from ${rowsIn(table, schema)} as t`,
    [since],
  );
  const [found] = rows;
  return { rows: Number(found?.rows), changed: Number(found?.changed), digest: found?.digest ?? '' };
}

/** Returns the columns of each table's primary key, by table. */
export async function readKeys(
  client: pg.ClientBase,
  schema: string,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const { rows } = await client.query<{ name: string; key: string[] }>(
    `select c.relname as name, array_agg(a.attname::text order by k.place) as key
     from pg_catalog.pg_namespace as n
     join pg_catalog.pg_constraint as p on p.connamespace = n.oid and p.contype = 'p'
     join pg_catalog.pg_class as c on c.oid = p.conrelid
     cross join lateral unnest(p.conkey) with ordinality as k (attnum, place)
     join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum = k.attnum
     where n.nspname = $1
     group by c.relname`,
    [schema],
  );
  return new Map(rows.map(({ name, key }) => [name, key]));
}

export type Followed = Readonly<{
  schema: string;
  tables: readonly TableShape[];
  keys: ReadonlyMap<string, readonly string[]>;
  /** Number of rows of the copy, by table. Updated by this function. */
  copied: Map<string, number>;
  /** Called before each table. Throws to give up. */
  assertInTime?: () => void;
}>;

/**
 * Updates a copy that has the state of the source at the horizon `since`. If a table has a primary
 * key, only rows that were written since then are sent; a changed table without one is sent
 * completely.
 *
 * `target`: a connection with opened tables (`openTables`). Returns the measures of the source's
 * tables.
 */
export async function catchUp(
  source: pg.Client,
  target: pg.Client,
  { schema, tables, keys, copied, assertInTime = () => {} }: Followed,
  since: string,
): Promise<ReadonlyMap<string, Measure>> {
  const measures = new Map<string, Measure>();
  for (const table of tables) {
    assertInTime();
    const measure = await measureTable(source, schema, table, since);
    measures.set(table.name, measure);
    if (measure.changed === 0 && measure.rows === copied.get(table.name)) {
      continue;
    }
    const key = keys.get(table.name);
    await (key
      ? applyChanges(source, target, { schema, table, key, since, measure })
      : replaceRows(source, target, { schema, table }));
    copied.set(table.name, measure.rows);
  }
  return measures;
}

async function replaceRows(
  source: pg.Client,
  target: pg.Client,
  { schema, table }: { schema: string; table: TableShape },
): Promise<void> {
  await target.query(`delete from ${rowsIn(table, schema)}`);
  await copyOut(source, `select ${columnList(table)} from ${rowsIn(table, schema)}`, (rows) =>
    copyInto(target, qualified(schema, table.name), table.columns, rows),
  );
}

async function stage(
  source: pg.Client,
  target: pg.Client,
  {
    schema,
    table,
    columns,
    where,
  }: { schema: string; table: TableShape; columns: readonly string[]; where: string },
): Promise<void> {
  const list = columns.map(pg.escapeIdentifier).join(', ');
  await target.query(`create table ${STAGE} as select ${list} from ${rowsIn(table, schema)} with no data`);
  await copyOut(source, `select ${list} from ${rowsIn(table, schema)} as t ${where}`, (rows) =>
    copyInto(target, STAGE, columns, rows),
  );
}

async function applyChanges(
  source: pg.Client,
  target: pg.Client,
  {
    schema,
    table,
    key,
    since,
    measure,
  }: { schema: string; table: TableShape; key: readonly string[]; since: string; measure: Measure },
): Promise<void> {
  const all = rowsIn(table, schema);
  const isSame = key
    .map((column) => `t.${pg.escapeIdentifier(column)} = s.${pg.escapeIdentifier(column)}`)
    .join(' and ');
  const STAGED_KEYS = `${STAGE}_keys`;

  await stage(source, target, {
    schema,
    table,
    columns: table.columns,
    where: `where age(t.xmin) <= age('${Number(since)}'::xid)`,
  });
  await target.query(`delete from ${all} as t using ${STAGE} as s where ${isSame}`);
  const { rows } = await target.query<{ left: string }>(`select count(*) as left from ${all}`);
  // Rows that were deleted at the source are deleted before new rows are inserted: both may have the
  // same unique value.
  if (Number(rows[0]?.left) + measure.changed !== measure.rows) {
    await target.query(`alter table ${STAGE} rename to ${STAGED_KEYS}`);
    await stage(source, target, { schema, table, columns: key, where: '' });
    await target.query(
      `delete from ${all} as t where not exists (select from ${STAGE} as s where ${isSame})`,
    );
    await target.query(`drop table ${STAGE}`);
    await target.query(`alter table ${STAGED_KEYS} rename to ${STAGE}`);
  }
  await target.query(
    `insert into ${qualified(schema, table.name)} (${columnList(table)}) overriding system value select ${columnList(table)} from ${STAGE}`,
  );
  await target.query(`drop table ${STAGE}`);
}
