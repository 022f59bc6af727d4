import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import pg from 'pg';

import { withAdminConnection } from '../../../src/db/admin/admin-connection.ts';
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
import { contentOf, different, insertRowsSql, MIGRATIONS, type Side } from './hard-schema.ts';
import { type MadeApp, makeApp } from './make-app.ts';
import { openPremium, type Premium } from './premium.ts';

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
  await world.asOwner(insertRowsSql('original'));
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
