import type { World } from '../../helpers/world.ts';

/**
 * Tables that are hard to copy. They are created as a tenant migration would create them, in the
 * transaction of the migration that creates `notes`.
 */
const TABLES = `
  create table kinds (id integer primary key, name text not null);
  insert into kinds values (1, 'mammal'), (2, 'bird');

  create type mood as enum ('calm', 'hungry');
  create table animals (
    id bigint generated always as identity primary key,
    name text not null,
    kind integer references kinds,
    label text generated always as (name || '!') stored,
    weight double precision,
    price numeric,
    born timestamptz,
    lived interval,
    photo bytea,
    tags text[],
    facts jsonb,
    mood mood,
    friend bigint references animals,
    constraint animals__name unique (name) deferrable initially deferred
  );

  create table keepers (id serial primary key, cage integer);
  create table cages (id integer primary key, keeper integer not null references keepers (id) on delete cascade);
  alter table keepers add constraint keepers__cage foreign key (cage) references cages (id);

  create sequence tickets;

  create table readings (animal bigint references animals, at date, value real) partition by range (at);
  create table readings_2025 partition of readings for values from ('2025-01-01') to ('2026-01-01');
  create table readings_2026 partition of readings for values from ('2026-01-01') to ('2027-01-01');

  create table "odd ""name""/../x" ("select" text, "a ""b""" text);

  create table changes (what text not null);
  create function note_change() returns trigger language plpgsql as $f$
    begin
      insert into changes values (tg_op || ' ' || new.name);
      return new;
    end $f$;
  create trigger animals__note after insert on animals for each row execute function note_change();
  create trigger animals__always after insert on animals for each row execute function note_change();
  alter table animals enable always trigger animals__always;
  create trigger animals__off after insert on animals for each row execute function note_change();
  alter table animals disable trigger animals__off;
`;

/** Replica identities for tables without a primary key. */
export const IDENTITIES = ['readings_2025', 'readings_2026', '"odd ""name""/../x"', 'changes']
  .map((table) => `alter table ${table} replica identity full`)
  .join(';\n');

/** Creates the tables, followed by the statements of `more`, in every new tenant of the world. */
export async function installVariedTables(world: Pick<World, 'asOwner'>, more = ''): Promise<void> {
  await world.asOwner(`
    create function public.make_varied_tables() returns event_trigger language plpgsql as $body$
    begin
      if to_regclass('kinds') is null and exists (
        select from pg_event_trigger_ddl_commands() as c
        where c.command_tag = 'CREATE TABLE' and c.object_identity like '%.notes'
      ) then
        execute $tables$${TABLES}${more}$tables$;
      end if;
    end $body$`);
  await world.asOwner('grant usage on schema public to tenant_owner');
  await world.asOwner(
    'create event trigger make_varied_tables on ddl_command_end execute function public.make_varied_tables()',
  );
}

/** Inserts rows with values that are hard to write in a dump. */
export async function insertVariedRows(world: Pick<World, 'asOwner'>, schema: string): Promise<void> {
  await world.asOwner(`
    begin;
    set local search_path = ${schema};
    insert into users (username, email, password) values ('alice', 'alice@example.com', 'not-a-hash');
    insert into sessions (user_id, family, expires_at)
      select id, gen_random_uuid(), now() + interval '1 day' from users;
    insert into refresh_tokens (id, family, expires_at) select gen_random_uuid(), family, expires_at from sessions;
    insert into notes (name, description) select 'note ' || n, repeat('x', n) from generate_series(1, 40) as n;
    update kinds set name = 'mammals' where id = 1;
    insert into kinds values (3, 'fish');
    insert into animals (name, kind, weight, price, born, lived, photo, tags, facts, mood, friend) values
      (E'tab\\t newline\\n backslash \\\\ \\\\N quote " '' \\r', 1, 'NaN', 'Infinity', 'infinity', '-1 mon 2 days', '\\x00ff0a', '{"a b",NULL,"c\\\\"}', '{"a": [1, null, "ü"]}', 'hungry', 1),
      ('\\N', 2, 0.1::float8 + 0.2::float8, 12345678901234567890.123456789, '2026-03-29 02:30:00.123456+02', '1 year', '', '{}', 'null', null, 3),
      ('Ærøskøbing 🐘', 3, -0.0, null, '0044-03-15 BC', null, null, null, null, 'calm', 2),
      ('', null, null, null, null, null, null, null, null, null, null);
    delete from animals where name = '';
    insert into keepers (cage) values (null);
    insert into cages values (7, 1);
    update keepers set cage = 7;
    select setval('tickets', 1000000);
    insert into readings values (1, '2025-06-01', 1.1), (2, '2026-06-01', 2.2), (1, '2026-07-01', null);
    insert into "odd ""name""/../x" values ('a', 'b'), (null, '');
    insert into outbox (kind, address, dead_at) values ('password_reset', 'a mail that was given up', now());
    insert into audit_events (action, actor) values ('impersonation', 'operator');
    commit`);
}

/** Returns the rows of a tenant by table, in an order that depends only on the rows. */
export async function rowsOf(
  world: Pick<World, 'asOwner'>,
  schema: string,
): Promise<Record<string, string[]>> {
  const tables = await world.asOwner<{ name: string }>(
    `select c.relname as name from pg_class as c
     where c.relnamespace = $1::regnamespace and c.relkind = 'r' order by c.relname`,
    [schema],
  );
  const all: Record<string, string[]> = {};
  for (const { name } of tables) {
    const quoted = `${schema}."${name.replaceAll('"', '""')}"`;
    const rows = await world.asOwner<{ row: string }>(
      `select t::text as row from only ${quoted} as t order by t::text collate "C"`,
    );
    all[name] = rows.map(({ row }) => row);
  }
  return all;
}

/** Returns the structure of a schema's tables, without the names of schema and role. */
export async function structureOf(world: Pick<World, 'asOwner'>, schema: string): Promise<unknown> {
  const [row] = await world.asOwner(
    `select
       (select json_agg((c.relname, c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.relowner::regrole,
                         (select count(*) from pg_policy as p where p.polrelid = c.oid))::text order by c.relname)
        from pg_class as c where c.relnamespace = n.oid and c.relkind in ('r', 'p', 'S')) as relations,
       (select json_agg((k.conrelid::regclass::text, k.conname, k.contype, k.convalidated, k.condeferrable, k.condeferred,
                         replace(pg_get_constraintdef(k.oid), n.nspname || '.', ''))::text
                        order by k.conrelid::regclass::text, k.conname)
        from pg_constraint as k where k.connamespace = n.oid) as constraints,
       (select json_agg((c.relname, t.tgname, t.tgenabled)::text order by c.relname, t.tgname)
        from pg_trigger as t join pg_class as c on c.oid = t.tgrelid
        where c.relnamespace = n.oid and not t.tgisinternal) as triggers
     from pg_namespace as n
     where n.nspname = $1`,
    [schema],
  );
  return JSON.parse(JSON.stringify(row).replaceAll(`${schema}.`, ''));
}
