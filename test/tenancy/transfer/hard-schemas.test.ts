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
import { openWorld, type World } from '../../helpers/world.ts';
import { contentOf, different, insertRowsSql, MIGRATIONS, type Side } from './hard-schema.ts';
import { type MadeApp, makeApp } from './make-app.ts';
import { openPremium, type Premium } from './premium.ts';

let world: World;
let premium: Premium;
let made: MadeApp;
let folder: string;
test.serial.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'koa-tenants-hard-'));
  world = await openWorld();
  premium = await openPremium(world);
  made = await makeApp('hard', MIGRATIONS);
  await create('original');
  await world.asOwner(insertRowsSql('original'));
});
test.after.always(async () => {
  await made?.remove();
  await premium?.close();
  await world?.close();
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

const CHANGES = [
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
] as const;

let differences: Promise<readonly string[]> | undefined;

/** Returns what the comparison finds after all changes, which it makes in a transaction that is rolled back. */
async function compareChanged(): Promise<readonly string[]> {
  const client = new pg.Client(world.owner);
  await client.connect();
  try {
    const texts = CHANGES.map(([, text]) => text);
    await client.query(`begin; set local search_path = original; ${texts.join(';')}`);
    const { drift } = await findDrift(client, world.service, {
      owner: world.owner,
      schema: 'original',
      migrations: await loadTenantMigrations(project()),
    });
    return drift.flatMap((tenant) => tenant.differences);
  } finally {
    await client.end();
  }
}

for (const [what, , difference] of CHANGES) {
  test.serial(`finds drift: ${what}`, async (t) => {
    differences ??= compareChanged();
    const found = await differences;
    t.is(found.filter((text) => difference.test(text)).length, 1, found.join('\n'));
    t.is(found.length, CHANGES.length);
  });
}
