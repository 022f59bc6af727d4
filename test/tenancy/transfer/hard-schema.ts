import pg from 'pg';

import { withAdminConnection } from '../../../src/db/admin/admin-connection.ts';
import { readCatalogs, withoutName } from '../../../src/tenancy/fleet/catalog.ts';

/** Objects that are hard to copy and to compare. */
export const MIGRATIONS = [
  `create type mood as enum ('sad', 'fine');
   create type span as range (subtype = double precision, subtype_diff = float8mi);
   create type note as (mood mood, at timestamptz);
   create domain code as text;

   create function label(k mood) returns text language sql immutable return upper(k::text);
   create function shout(k mood, suffix text default '!') returns text
     language sql immutable set search_path from current as $$ select label(k) || suffix $$;
   create function moods(variadic list mood[]) returns setof mood language sql as $$ select unnest(list) $$;
   create function later(k mood, other mood) returns mood language sql immutable as $$ select greatest(k, other) $$;
   create aggregate latest (mood) (sfunc = later, stype = mood);
   create function like_label(k mood, text) returns boolean language sql immutable return upper(k::text) like $2;
   create operator ~~! (function = like_label, leftarg = mood, rightarg = text);

   create table kinds (id integer primary key, name text not null);
   insert into kinds values (1, 'mammal');

   create table animals (
     id bigint generated always as identity primary key,
     kind integer not null,
     friend bigint,
     mood mood,
     range span,
     notes note[],
     code code,
     home regclass,
     homes regclass[],
     about regtype,
     does regprocedure,
     loud text generated always as (shout(mood)) stored,
     constraint animals__kind foreign key (kind) references kinds (id)
   );
   create index animals__loud on animals (shout(mood, '?'));
   -- PostgreSQL analyzes these under an empty path, where the function fails.
   create function late(k mood) returns text language plpgsql immutable as $$ begin return label(k); end $$;
   create index animals__late on animals (late(mood));
   create statistics animals__late_moods on late(mood), kind from animals;
   create statistics animals__moods (mcv) on kind, mood from animals;

   create table shards (kind mood not null, note text not null, constraint shards_pkey primary key (kind, note))
     partition by hash (kind);
   create table shards_0 partition of shards for values with (modulus 3, remainder 0);
   create table shards_1 partition of shards for values with (modulus 3, remainder 1);
   create table shards_2 partition of shards for values with (modulus 3, remainder 2);

   create table readings (year integer not null, kind mood, animal bigint) partition by range (year);
   create table readings_2026 partition of readings for values from (2026) to (2027) partition by hash (kind);
   create table readings_2026_0 partition of readings_2026 for values with (modulus 2, remainder 0);
   create table readings_2026_1 partition of readings_2026 for values with (modulus 2, remainder 1);
   create table readings_2027 partition of readings for values from (2027) to (2028);
   alter table readings add constraint readings__animal foreign key (animal) references animals (id);`,
  `alter table animals add constraint animals__small check (id < 2) not valid;
   alter table animals add constraint animals__friend foreign key (friend) references animals (id) not valid;
   alter domain code add constraint code__short check (length(value) < 5) not valid;
   do $$ begin
     if current_setting('server_version_num')::integer >= 180000 then
       execute 'alter table animals add constraint animals__moody not null mood not valid';
     end if;
   end $$;
   comment on constraint animals__kind on animals is 'the foreign key''s comment';
   comment on constraint animals__small on animals is 'the check''s comment';
   comment on constraint animals_pkey on animals is 'the key''s comment';
   comment on constraint code__short on domain code is 'the domain''s comment';
   comment on constraint readings__animal on readings is 'of the root';
   comment on constraint readings__animal on readings_2027 is 'of a partition';
   comment on table animals is 'all of them';
   comment on column animals.mood is 'how it is';
   comment on function shout(mood, text) is 'loud';
   comment on type mood is 'a mood';
   comment on operator ~~! (mood, text) is 'an operator';
   comment on index animals__loud is 'an index';`,
];

/** SQL that inserts rows, of which some violate constraints that are not validated, and values that name objects. */
export const insertRowsSql = (schema: string): string => `
  begin;
  set local search_path = ${schema};
  alter table animals drop constraint animals__small, drop constraint animals__friend;
  alter table animals drop constraint if exists animals__moody;
  alter domain code drop constraint code__short;
  select tenancy.enter_owner('${schema}');
  insert into animals (kind, friend, mood, range, notes, code, home, homes, about, does) values
    (1, 77, 'sad', '[1.5,2)', array[row('fine', '2026-01-01 00:00:00+00')::note], 'long code', 'kinds', array['animals', 'pg_class']::regclass[], 'mood', 'label(mood)'),
    (1, 1, null, null, null, 'ok', 'shards', null, 'integer', 'upper(text)');
  insert into shards select m, 'note ' || n from unnest(enum_range(null::mood)) as m, generate_series(1, 5) as n;
  insert into readings select 2026 + n % 2, m, 1 from unnest(enum_range(null::mood)) as m, generate_series(1, 5) as n;
  ${MIGRATIONS[1]}
  commit`;

export type Side = Readonly<{ owner: pg.ClientConfig }>;

/** Returns the catalog of a schema, and each row as text, as the tenant reads it. */
export async function contentOf(
  side: Side,
  schema: string,
): Promise<{ catalog: Record<string, string>; rows: Record<string, string[]> }> {
  return withAdminConnection(side.owner, async (client) => {
    const catalog = (await readCatalogs(client, [schema])).get(schema) ?? new Map();
    const definitions = await withoutName(client, catalog, schema);
    await client.query(`set local search_path = ${pg.escapeIdentifier(schema)}, extensions, pg_temp`);
    const { rows: tables } = await client.query<{ name: string }>(
      `select c.relname as name
       from pg_class as c
       where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
       order by c.relname collate "C"`,
      [schema],
    );
    const rows: Record<string, string[]> = {};
    for (const { name } of tables) {
      const found = await client.query<{ row: string }>(
        `select t::text as row from ${pg.escapeIdentifier(name)} as t order by t::text collate "C"`,
      );
      rows[name] = found.rows.map(({ row }) => row);
    }
    return { catalog: Object.fromEntries([...definitions].sort()), rows };
  });
}

/** Returns the differences of two catalogs. */
export const different = (ours: Record<string, string>, theirs: Record<string, string>) =>
  Object.fromEntries(
    [...new Set([...Object.keys(ours), ...Object.keys(theirs)])]
      .filter((thing) => ours[thing] !== theirs[thing])
      .map((thing) => [thing, [ours[thing], theirs[thing]]]),
  );
