import type pg from 'pg';

import { readSqlFile } from '../../db/sql/sql-file.ts';

/** What a schema holds: `kind name` to its definition, in which the schema and its role have no name. */
export type Catalog = ReadonlyMap<string, string>;

const PATH = 'set local search_path = pg_catalog';

const factsQuery = (): Promise<string> => readSqlFile('fleet/catalog.sql');

/** Everything that migrations make in some tenants' schemas, by schema. */
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
 * A digest of each schema's catalogue, computed where it is: two tenants of one
 * version have the same, whatever the number of their tables.
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
 * A catalogue as it would be if another schema's name had been left out of it
 * too: in that schema's own, a literal that looks like its name is left out.
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
