import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';

import { provisionTenant } from '../../../src/tenancy/lifecycle/provision.ts';
import { parseDomainName, parseSchemaName } from '../../../src/tenancy/registry/tenant.ts';
import { cloneTenant } from '../../../src/tenancy/transfer/copy/clone-tenant.ts';
import { dumpTenant } from '../../../src/tenancy/transfer/dump/dump-tenant.ts';
import { restoreTenant } from '../../../src/tenancy/transfer/dump/restore-tenant.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { makeApp } from './make-app.ts';

let world: World;
let folder: string;
test.serial.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'koa-tenants-names-'));
  world = await openWorld();
});
test.after.always(async () => {
  await world?.close();
  await rm(folder, { recursive: true, force: true });
});

const hostOf = (schema: string) => parseDomainName(`${schema.replaceAll('_', '-')}.localhost`);
const main = () => ({ name: 'main', owner: world.owner, service: world.service });

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
