import type pg from 'pg';
import { z } from 'zod';

/** A name as PostgreSQL stores it. */
export const identifier = z
  .string()
  .refine((name) => name !== '' && !name.includes('\0') && Buffer.byteLength(name) <= 63);

/** Whether no value is there twice. */
export const areUnique = (values: readonly string[]): boolean => new Set(values).size === values.length;

/** Columns that PostgreSQL allows in a table. */
const MOST_COLUMNS = 1_600;

/** A table and the columns that are stored: what is generated is computed anew where the rows arrive. */
export const tableShape = z.strictObject({
  name: identifier,
  columns: z.array(identifier).max(MOST_COLUMNS).refine(areUnique),
});
export type TableShape = Readonly<z.infer<typeof tableShape>>;

const BIGINT_MAX = 2n ** 63n - 1n;

const isBigint = (text: string): boolean =>
  /^-?\d{1,19}$/.test(text) && BigInt(text) <= BIGINT_MAX && BigInt(text) >= -BIGINT_MAX - 1n;

export const sequenceState = z.strictObject({
  name: identifier,
  /** As text: a sequence reaches beyond what a number holds exactly. */
  last_value: z.string().refine(isBigint),
  is_called: z.boolean(),
});
export type SequenceState = Readonly<z.infer<typeof sequenceState>>;

/**
 * How values become text, the same on every server and for every login: a hash
 * of the text is a hash of the values.
 */
export const VALUE_SETTINGS = `
  set local client_encoding = 'UTF8';
  set local timezone = 'UTC';
  set local datestyle = 'ISO, YMD';
  set local intervalstyle = 'postgres';
  set local extra_float_digits = 3;
  set local bytea_output = 'hex';
  set local lc_monetary = 'C';
  set local xmloption = 'content';
  set local statement_timeout = 0;
  set local idle_in_transaction_session_timeout = 0
`;

// By way of pg_depend, which has an index on the schema: pg_class has none, and
// reading it whole takes longer with every other tenant.
export const RELATIONS = `
  from pg_catalog.pg_namespace as n
  join pg_catalog.pg_depend as d
    on d.refclassid = 'pg_catalog.pg_namespace'::regclass
    and d.refobjid = n.oid
    and d.classid = 'pg_catalog.pg_class'::regclass
  join pg_catalog.pg_class as c on c.oid = d.objid
  where n.nspname = $1
`;

/**
 * The tables of a schema that hold rows, by name: partitions and not what they
 * are parts of.
 */
export async function readTables(client: pg.ClientBase, schema: string): Promise<readonly TableShape[]> {
  const { rows } = await client.query(
    `select
       c.relname as name,
       coalesce(
         (
           select array_agg(a.attname::text order by a.attnum)
           from pg_catalog.pg_attribute as a
           where a.attrelid = c.oid
             and a.attnum > 0
             and not a.attisdropped
             and a.attgenerated = ''
         ),
         '{}'
       ) as columns
     ${RELATIONS}
       and c.relkind = 'r'
     order by c.relname collate "C"`,
    [schema],
  );
  return rows.map((row) => tableShape.parse(row));
}

/** The names of a schema's sequences, those behind identities too. */
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

/**
 * What stands between rows and the tables they belong in: foreign keys, which
 * would want the tables in an order that a cycle does not have; triggers, which
 * fired when the rows were new; and the policy's force, under which COPY FROM is
 * refused. Answers the statements that take it away and those that bring it
 * back, foreign keys first: checked under force, they would pass over hidden rows.
 */
export async function readObstacles(
  client: pg.ClientBase,
  schema: string,
): Promise<{ suspend: readonly string[]; resume: readonly string[] }> {
  const { rows } = await client.query<{ suspend: string; resume: string }>(
    `with relations as (
       select c.oid, c.relkind, format('%I.%I', n.nspname, c.relname) as name
       ${RELATIONS}
         and c.relkind in ('r', 'p')
     ),
     obstacles as (
       select
         1 as step,
         format('alter table %s drop constraint %I', r.name, k.conname) as suspend,
         format('alter table %s add constraint %I %s', r.name, k.conname, pg_get_constraintdef(k.oid)) as resume
       from relations as r
       join pg_catalog.pg_constraint as k on k.conrelid = r.oid
       where k.contype = 'f'
         and k.conparentid = 0
       union all
       select
         2,
         format('alter table only %s disable trigger %I', r.name, t.tgname),
         format(
           'alter table only %s enable %s trigger %I',
           r.name,
           case t.tgenabled when 'A' then 'always' else '' end,
           t.tgname
         )
       from relations as r
       join pg_catalog.pg_trigger as t on t.tgrelid = r.oid
       where not t.tgisinternal
         and t.tgenabled in ('O', 'A')
       union all
       select
         3,
         format('alter table %s no force row level security', r.name),
         format('alter table %s force row level security', r.name)
       from relations as r
     )
     select o.suspend, o.resume
     from obstacles as o
     order by o.step, o.suspend`,
    [schema],
  );
  return {
    suspend: rows.map(({ suspend }) => suspend),
    resume: rows.map(({ resume }) => resume),
  };
}
