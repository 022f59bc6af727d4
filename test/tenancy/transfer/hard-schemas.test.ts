import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import pg from 'pg';

import { withAdminConnection } from '../../../src/db/admin/admin-connection.ts';
import { readCatalogs, withoutName } from '../../../src/tenancy/fleet/catalog.ts';
import { findDrift } from '../../../src/tenancy/fleet/drift.ts';
import { keepSpares } from '../../../src/tenancy/fleet/spares.ts';
import { provisionTenant } from '../../../src/tenancy/lifecycle/provision.ts';
import { renameTenant } from '../../../src/tenancy/lifecycle/rename-tenant.ts';
import { loadTenantMigrations } from '../../../src/tenancy/migrations/tenant-migrations.ts';
import { parseDomainName, parseSchemaName } from '../../../src/tenancy/registry/tenant.ts';
import { cloneTenant } from '../../../src/tenancy/transfer/copy/clone-tenant.ts';
import { dumpTenant } from '../../../src/tenancy/transfer/dump/dump-tenant.ts';
import { restoreTenant } from '../../../src/tenancy/transfer/dump/restore-tenant.ts';
import { moveTenant } from '../../../src/tenancy/transfer/move/move-tenant.ts';
import { startTestServer, type TestServer } from '../../helpers/postgres.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { type MadeApp, makeApp } from './make-app.ts';
import { openPremium, type Premium } from './premium.ts';

/** Objects that are hard to copy and to compare. */
const MIGRATIONS = [
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

/** Rows, of which some violate constraints that are not validated, and values that name objects. */
const ROWS = (schema: string) => `
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

let server: TestServer;
let world: World;
let premium: Premium;
let made: MadeApp;
let folder: string;
test.serial.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'koa-tenants-hard-'));
  server = await startTestServer({ wal_level: 'logical' });
  world = await openWorld({ server: server.url });
  premium = await openPremium(world, 'premium', { wal_level: 'logical' });
  made = await makeApp('hard', MIGRATIONS);
  await create('original');
  await world.asOwner(ROWS('original'));
});
test.after.always(async () => {
  await made?.remove();
  await premium?.close();
  await world?.close();
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

const hostOf = (schema: string) => parseDomainName(`${schema.replaceAll('_', '-')}.localhost`);
const project = () => ({ ...world.fleet.project, apps: [...world.fleet.project.apps, made.app] as never });
const main = () => ({ name: 'main', owner: world.owner, service: world.service });
const create = (schema: string) =>
  provisionTenant(
    world.owner,
    { service: world.service, project: project() },
    {
      schema: parseSchemaName(schema),
      name: schema,
      domains: [hostOf(schema)],
    },
  );
const clone = (from: string, schema: string, database = main()) =>
  cloneTenant(world.owner, world, database, {
    project: project(),
    from,
    schema: parseSchemaName(schema),
    name: null,
    domains: [hostOf(schema)],
    data: true,
    declarations: {},
  });
const restore = (file: string, schema: string) =>
  restoreTenant(world.owner, main(), {
    project: project(),
    file,
    schema: parseSchemaName(schema),
    domains: [hostOf(schema)],
    asCopy: false,
    declarations: {},
  });

type Side = Readonly<{ owner: pg.ClientConfig }>;

/** Returns the catalog of a schema, and each row as text, as the tenant reads it. */
async function contentOf(
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
const different = (ours: Record<string, string>, theirs: Record<string, string>) =>
  Object.fromEntries(
    [...new Set([...Object.keys(ours), ...Object.keys(theirs)])]
      .filter((thing) => ours[thing] !== theirs[thing])
      .map((thing) => [thing, [ours[thing], theirs[thing]]]),
  );

async function assertEqual(t: ExecutionContext, schema: string, side: Side = world): Promise<void> {
  const [theirs, ours] = [await contentOf(world, 'original'), await contentOf(side, schema)];
  t.deepEqual(different(ours.catalog, theirs.catalog), {});
  t.deepEqual(ours.rows, theirs.rows);
  t.deepEqual(
    [ours.rows.shards, ours.rows.readings, ours.rows.animals].map((rows) => rows?.length),
    [10, 10, 2],
  );
}

const driftOf = async (schema: string) => {
  const migrations = await loadTenantMigrations(project());
  return (
    await withAdminConnection(world.owner, (client) =>
      findDrift(client, world.service, { owner: world.owner, schema, migrations }),
    )
  ).drift;
};

test.serial('finds no drift in a new tenant', async (t) => {
  t.deepEqual(await driftOf('original'), []);
});

test.serial('clones the catalog and the rows of the original under new names', async (t) => {
  await clone('original', 'copied');
  await assertEqual(t, 'copied');
  t.deepEqual(await driftOf('copied'), []);
  const [row] = await world.asOwner(
    `select home::text, homes::text, about::text, does::text from copied.animals where id = 1`,
  );
  t.deepEqual(row, {
    home: 'copied.kinds',
    homes: '{copied.animals,pg_class}',
    about: 'copied.mood',
    does: 'copied.label(copied.mood)',
  });
});

test.serial('restores the catalog and the rows of the original under new names', async (t) => {
  const file = join(folder, 'original.tenant');
  await dumpTenant(world.owner, 'original', {
    project: world.fleet.project,
    file,
    overwrite: false,
    declarations: {},
  });
  await restore(file, 'restored');
  await assertEqual(t, 'restored');
  t.deepEqual(await driftOf('restored'), []);
  const [row] = await world.asOwner(`select home::text from restored.animals where id = 1`);
  t.deepEqual(row, { home: 'restored.kinds' });
});

test.serial('restores a dump although the original is gone', async (t) => {
  const file = join(folder, 'copied.tenant');
  await dumpTenant(world.owner, 'copied', {
    project: world.fleet.project,
    file,
    overwrite: false,
    declarations: {},
  });
  await renameTenant(world.owner, 'copied', { schema: parseSchemaName('renamed'), keepDomain: true }, 10);
  await restoreTenant(world.owner, main(), {
    file,
    schema: parseSchemaName('again'),
    domains: [hostOf('again')],
    asCopy: false,
    project: project(),
    declarations: {},
  });
  await assertEqual(t, 'again');
});

test.serial('updates functions with their own search_path on a rename', async (t) => {
  await assertEqual(t, 'renamed');
  t.deepEqual(await driftOf('renamed'), []);
  await world.asOwner(
    `begin;
     set local search_path = renamed;
     insert into animals (kind, mood, id) overriding system value values (1, 'fine', 0);
     commit`,
  );
  const [row] = await world.asOwner('select loud from renamed.animals where id = 0');
  t.deepEqual(row, { loud: 'FINE!' });
});

test.serial('creates a tenant from a spare without drift, with functions in its own schema', async (t) => {
  t.like(
    await keepSpares(world.owner, { ...world.fleet, project: project() }, 1, new AbortController().signal),
    { created: 1 },
  );
  const [spare] = await world.asOwner<{ id: string }>(`select id from public.tenants where status = 'spare'`);
  t.is(await create('claimed'), spare?.id as never);
  t.deepEqual(await driftOf('claimed'), []);
  t.deepEqual(await world.asOwner(`select claimed.shout('sad') as said`), [{ said: 'SAD!' }]);
});

test.serial('moves a tenant offline and back with its catalog and rows', async (t) => {
  await clone('original', 'mover');
  const databases = { main: main(), premium: premium.database };
  const limits = { project: project(), blockSeconds: 60, keepDays: 0 };
  await moveTenant(databases, 'mover', { to: 'premium', ...limits });
  await assertEqual(t, 'mover', premium.database);
  await moveTenant(databases, 'mover', { to: 'main', ...limits });
  await assertEqual(t, 'mover');
});

test.serial('rejects an online move of partitions whose rows depend on OIDs before it starts', async (t) => {
  await clone('original', 'stayer');
  const moving = moveTenant({ main: main(), premium: premium.database }, 'stayer', {
    to: 'premium',
    project: project(),
    online: true,
    blockSeconds: 60,
    keepDays: 0,
  });
  await t.throwsAsync(moving, {
    code: 'precondition_failed',
    message: /partitions of stayer\.readings depend on OIDs.*move it without --online/,
  } as never);
  t.deepEqual(await premium.asOwner('select from pg_namespace where nspname = $1', ['stayer']), []);
});

test.serial('clones the catalog and the rows to another database', async (t) => {
  await clone('original', 'away', premium.database);
  await assertEqual(t, 'away', premium.database);
});

test.serial('replaces values that name the schema and the role of the original in a clone', async (t) => {
  const names = await makeApp('names', [
    `create domain owner as regrole;
     create domain owners_list as regrole[];
     create table owners (
       id integer primary key,
       schema regnamespace,
       role regrole,
       schemas regnamespace[],
       roles regrole[],
       owner owner,
       list owners_list
     )`,
  ]);
  t.teardown(names.remove);
  const apps = [...world.fleet.project.apps, names.app] as never;
  const named = { ...world.fleet.project, apps };
  const make = { schema: parseSchemaName('named'), name: 'named', domains: [hostOf('named')] };
  await provisionTenant(world.owner, { service: world.service, project: named }, make);
  await world.asOwner(
    `insert into named.owners
     select
       1, 'named'::regnamespace, r.role, array[array['named', 'pg_catalog'], array[null, 'named']]::regnamespace[],
       array['tenant_owner'::regrole, r.role], r.role, array[r.role, r.role]
     from (select t.role_name::regrole as role from public.tenants as t where t.schema_name = 'named') as r
     union all
     select 2, 'pg_catalog', 'tenant_owner', '{}', null, 'tenant_owner', array['tenant_owner']::regrole[]`,
  );
  await cloneTenant(world.owner, world, main(), {
    project: named,
    from: 'named',
    schema: parseSchemaName('renamed_names'),
    name: null,
    domains: [hostOf('renamed_names')],
    data: true,
    declarations: {},
  });
  t.deepEqual(
    await world.asOwner(
      `select
         o.id,
         o.schema::text,
         o.role::text = t.role_name as own,
         o.schemas::text,
         replace(o.roles::text, t.role_name, 'own') as roles,
         replace(o.owner::text, t.role_name, 'own') as owner,
         replace(o.list::text, t.role_name, 'own') as list
       from renamed_names.owners as o, public.tenants as t
       where t.schema_name = 'renamed_names'
       order by o.id`,
    ),
    [
      {
        id: 1,
        schema: 'renamed_names',
        own: true,
        schemas: '{{renamed_names,pg_catalog},{NULL,renamed_names}}',
        roles: '{tenant_owner,own}',
        owner: 'own',
        list: '{own,own}',
      },
      {
        id: 2,
        schema: 'pg_catalog',
        own: false,
        schemas: '{}',
        roles: null,
        owner: 'tenant_owner',
        list: '{tenant_owner}',
      },
    ],
  );
});

const UNREPLACEABLE: ReadonlyArray<readonly [what: string, value: string, column: string]> = [
  ['a schema in a composite type', `row('tenant_owner', 'SCHEMA')`, 'nested'],
  [
    'a role in an array of composite types',
    `array[row('tenant_owner', 'public'), row('ROLE', null)]`,
    'list',
  ],
  ['a function with the name of a built-in one', `'SCHEMA.lower(text)'`, 'does'],
  ['such functions in an array', `array['upper(text)', 'SCHEMA.lower(text)']`, 'several'],
  ['a type with the name of a built-in one', `'SCHEMA.pg_class'`, 'about'],
];

test.serial('rejects values that a copy cannot replace before anything is copied', async (t) => {
  const names = await makeApp('unreplaceable', [
    `create type place as (role regrole, schema regnamespace);
     create function lower(text) returns text language sql immutable return pg_catalog.lower($1);
     create table pg_class (id integer primary key);
     create table unreplaceable (id integer primary key);
     create table holders (
       id integer primary key,
       nested place,
       list place[],
       does regprocedure,
       several regprocedure[],
       about regtype,
       home regclass
     );`,
  ]);
  t.teardown(names.remove);
  const apps = [...world.fleet.project.apps, names.app] as never;
  const named = { ...world.fleet.project, apps };
  const schema = 'unreplaceable';
  const make = { schema: parseSchemaName(schema), name: schema, domains: [hostOf(schema)] };
  await provisionTenant(world.owner, { service: world.service, project: named }, make);
  const [own] = await world.asOwner<{ role: string }>(
    `select t.role_name as role from public.tenants as t where t.schema_name = $1`,
    [schema],
  );
  const clone = (to: string) =>
    cloneTenant(world.owner, world, main(), {
      project: named,
      from: schema,
      schema: parseSchemaName(to),
      name: null,
      domains: [hostOf(to)],
      data: true,
      declarations: {},
      onStart: () => t.fail('copying has begun'),
    });
  const file = join(folder, 'unreplaceable.tenant');
  for (const [what, value, column] of UNREPLACEABLE) {
    const cast = `(${value.replace('ROLE', own?.role ?? '').replaceAll('SCHEMA', schema)})::${
      { nested: 'place', list: 'place[]', does: 'regprocedure', several: 'regprocedure[]', about: 'regtype' }[
        column
      ]
    }`;
    await world.asOwner(
      `begin; set local search_path = ${schema};
       delete from holders; insert into holders (id, ${column}) values (1, ${cast}); commit`,
    );
    const rejected = {
      code: 'dump_invalid',
      message: new RegExp(`column "${column}" of table "holders" names "${schema}"`),
    } as never;
    await t.throwsAsync(clone('never'), rejected, what);
    await dumpTenant(world.owner, schema, { project: named, file, overwrite: true, declarations: {} });
    const restored = restoreTenant(world.owner, main(), {
      project: named,
      file,
      schema: parseSchemaName('never'),
      domains: [hostOf('never')],
      asCopy: true,
      declarations: {},
    });
    await t.throwsAsync(restored, rejected, what);
  }
  t.deepEqual(await world.asOwner(`select from pg_namespace where nspname = 'never'`), []);
});

test.serial('copies a table with the name of its schema, with values that name it', async (t) => {
  const names = await makeApp('samename', [
    `create type place as (home regclass, note text);
     create table samename (id integer primary key, home regclass, nested place, homes regclass[]);`,
  ]);
  t.teardown(names.remove);
  const apps = [...world.fleet.project.apps, names.app] as never;
  const named = { ...world.fleet.project, apps };
  const make = { schema: parseSchemaName('samename'), name: 'samename', domains: [hostOf('samename')] };
  await provisionTenant(world.owner, { service: world.service, project: named }, make);
  await world.asOwner(
    `begin; set local search_path = samename;
     insert into samename values (1, 'samename', row('samename', 'samename'), array['samename']::regclass[]); commit`,
  );
  await cloneTenant(world.owner, world, main(), {
    project: named,
    from: 'samename',
    schema: parseSchemaName('other_name'),
    name: null,
    domains: [hostOf('other_name')],
    data: true,
    declarations: {},
  });
  t.deepEqual(
    await world.asOwner(
      `select s.home::text, (s.nested).home::text as nested, s.homes::text from other_name.samename as s`,
    ),
    [{ home: 'other_name.samename', nested: 'other_name.samename', homes: '{other_name.samename}' }],
  );
});

test.serial('reports a value that names an object missing from the restored tenant', async (t) => {
  await clone('original', 'lacking');
  await world.asOwner('create function lacking.by_hand(integer) returns integer language sql return 1');
  await world.asOwner(
    `begin;
     set local search_path = lacking;
     update animals set does = 'by_hand(integer)', friend = null, code = 'ok' where id = 1;
     commit`,
  );
  const error = await t.throwsAsync(clone('lacking', 'lacked'), { code: 'dump_invalid' } as never);
  t.notRegex(error?.message ?? '', /shared schema/);
});

for (const [what, text, difference] of [
  [
    'a comment on a foreign key',
    `comment on constraint animals__kind on animals is null`,
    /comment on table constraint animals__kind on animals is missing/,
  ],
  [
    'another comment',
    `comment on column animals.mood is 'x'`,
    /comment on table column animals\.mood is "x" and should be "how it is"/,
  ],
  ['a comment more', `comment on schema original is 'x'`, /comment on schema is in no migration/],
  [
    'a path of a function',
    `alter function shout(mood, text) set search_path = pg_catalog`,
    /function shout\(k mood, suffix text/,
  ],
] as const) {
  test.serial(`finds drift: ${what}`, async (t) => {
    const client = new pg.Client(world.owner);
    await client.connect();
    try {
      await client.query(`begin; set local search_path = original; ${text}`);
      const { drift } = await findDrift(client, world.service, {
        owner: world.owner,
        schema: 'original',
        migrations: await loadTenantMigrations(project()),
      });
      t.is(drift.length, 1);
      t.regex(drift[0]?.differences.join('\n') ?? '', difference);
      t.is(drift[0]?.differences.length, 1);
    } finally {
      await client.end();
    }
  });
}
