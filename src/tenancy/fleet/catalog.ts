import type pg from 'pg';

import { readSqlFile } from '../../db/sql/sql-file.ts';

/**
 * The content of a schema: `kind name` to its definition. The names of the schema and its role are
 * removed from definitions.
 */
export type Catalog = ReadonlyMap<string, string>;

/** Every name of another schema is then printed with its schema. */
const PATH = 'set local search_path = pg_catalog';

/** The files of sql/fleet/catalog/facts/. The first one determines the types of the columns. */
const FACTS = ['relations', 'columns', 'policies', 'functions', 'types', 'comments'];

/** Returns the query of the facts of some schemas: `(schema_name, kind, name, definition)`, as comparable text. */
async function factsQuery(): Promise<string> {
  const read = (file: string): Promise<string> => readSqlFile(`fleet/catalog/${file}.sql`);
  const [tenant, relation, comparable] = await Promise.all(['tenant', 'relation', 'comparable'].map(read));
  const facts = await Promise.all(FACTS.map((file) => read(`facts/${file}`)));
  return `
    with tenant as materialized (${tenant}),
    relation as materialized (${relation}),
    fact as (${facts.join('union all\n')})
    ${comparable}`;
}

/** Returns the catalogs of tenants' schemas, by schema: everything that migrations create. */
export async function readCatalogs(
  client: pg.ClientBase,
  schemas: readonly string[],
): Promise<ReadonlyMap<string, Catalog>> {
  await client.query(PATH);
  const { rows } = await client.query<{
    schema_name: string;
    kind: string;
    name: string;
    definition: string;
  }>(await factsQuery(), [schemas]);
  const found = new Map(schemas.map((schema) => [schema, new Map<string, string>()]));
  for (const { schema_name, kind, name, definition } of rows) {
    found.get(schema_name)?.set(`${kind} ${name}`.trim(), definition);
  }
  return found;
}

/**
 * Returns a digest of each schema's catalog, computed in the database. Tenants of the same version
 * have the same digest.
 */
export async function readDigests(
  client: pg.ClientBase,
  schemas: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  await client.query(PATH);
  const { rows } = await client.query<{ schema_name: string; digest: string }>(
    `select
       w.schema_name,
       md5(string_agg(concat_ws(E'\\x1f', w.kind, w.name, w.definition), E'\\x1e' order by w.kind, w.name)) as digest
     from (${await factsQuery()}) as w
     group by w.schema_name`,
    [schemas],
  );
  return new Map(rows.map(({ schema_name, digest }) => [schema_name, digest]));
}

/**
 * Returns a catalog with another schema's name removed too. In that schema's own catalog, a literal
 * that looks like the name was removed as well.
 */
export async function withoutName(client: pg.ClientBase, catalog: Catalog, schema: string): Promise<Catalog> {
  const { rows } = await client.query<{ thing: string; definition: string }>(
    `select
       regexp_replace(d.thing, p.prefix, '', 'g') as thing,
       regexp_replace(d.definition, p.prefix, '', 'g') as definition
     from unnest($1::text[], $2::text[]) with ordinality as d (thing, definition, place)
     cross join (select format('(?<![[:alnum:]_$"])%s\\.', quote_ident($3)) as prefix) as p
     order by d.place`,
    [[...catalog.keys()], [...catalog.values()], schema],
  );
  return new Map(rows.map(({ thing, definition }) => [thing, definition]));
}
