import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';

import { withAdminConnection } from '../../../src/db/admin/admin-connection.ts';
import { findDrift } from '../../../src/tenancy/fleet/drift.ts';
import { migrate } from '../../../src/tenancy/fleet/migrate.ts';
import { keepSpares } from '../../../src/tenancy/fleet/spares.ts';
import { provisionTenant } from '../../../src/tenancy/lifecycle/provision.ts';
import { loadTenantMigrations } from '../../../src/tenancy/migrations/tenant-migrations.ts';
import { parseDomainName, parseSchemaName } from '../../../src/tenancy/registry/tenant.ts';
import { cloneTenant } from '../../../src/tenancy/transfer/copy/clone-tenant.ts';
import { dumpTenant } from '../../../src/tenancy/transfer/dump/dump-tenant.ts';
import { restoreTenant } from '../../../src/tenancy/transfer/dump/restore-tenant.ts';
import { moveTenant } from '../../../src/tenancy/transfer/move/move-tenant.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { type MadeApp, makeApp } from './make-app.ts';
import { openPremium, type Premium } from './premium.ts';
import { traces } from './traces.ts';

/** Migrations that work in separate transactions. Some fail in the transaction of the previous one. */
const MIGRATIONS = [
  `create type mood as enum ('sad')`,
  `alter type mood add value 'ok'`,
  `create table feelings (id integer primary key, mood mood not null default 'ok')`,
  // A check that is deferred, and then DDL on the table.
  `alter table feelings add column friend integer;
   alter table feelings add constraint feelings__friend foreign key (friend) references feelings (id)
     deferrable initially deferred;
   insert into feelings (id, friend) values (1, 2), (2, 1)`,
  `alter table feelings add column note text`,
  // Deferred, although the previous migration has set all constraints to immediate.
  `set constraints all immediate`,
  `insert into feelings (id, friend) values (3, 4), (4, 3)`,
  // State that ends with the transaction or the session.
  `declare one cursor for select 1; prepare two as select 1`,
  `declare one cursor for select 1; prepare two as select 1`,
  `alter type mood rename value 'sad' to 'blue'; alter table feelings add column was mood not null default 'blue'`,
  `set local statement_timeout = '7s'; alter type mood add value 'fine' before 'ok'`,
  `create index feelings__fine on feelings (id) where mood = 'fine'; update feelings set mood = 'fine' where id = 4`,
];

const ROWS = [
  { id: 1, mood: 'ok', friend: 2, was: 'blue' },
  { id: 2, mood: 'ok', friend: 1, was: 'blue' },
  { id: 3, mood: 'ok', friend: 4, was: 'blue' },
  { id: 4, mood: 'fine', friend: 3, was: 'blue' },
];

let world: World;
let premium: Premium;
let app: MadeApp;
/** The same app before the enum value is used. */
let older: MadeApp;
let folder: string;
test.serial.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'koa-tenants-commit-'));
  world = await openWorld();
  premium = await openPremium(world);
  app = await makeApp('moods', MIGRATIONS);
  older = await makeApp('moods', MIGRATIONS.slice(0, 1));
});
test.after.always(async () => {
  await app?.remove();
  await older?.remove();
  await premium?.close();
  await world?.close();
  await rm(folder, { recursive: true, force: true });
});

const projectOf = (made: MadeApp) => ({
  ...world.fleet.project,
  apps: [...world.fleet.project.apps, made.app] as never,
});
const fleetOf = (made: MadeApp) => ({ ...world.fleet, project: projectOf(made) });
const main = () => ({ name: 'main', owner: world.owner, service: world.service });
const hostOf = (schema: string) => parseDomainName(`${schema.replaceAll('_', '-')}.localhost`);
const create = (schema: string, made = app) =>
  provisionTenant(
    world.owner,
    { service: world.service, project: projectOf(made) },
    { schema: parseSchemaName(schema), name: schema, domains: [hostOf(schema)] },
  );
const clone = (from: string, schema: string, database = main()) =>
  cloneTenant(world.owner, world, database, {
    project: projectOf(app),
    from,
    schema: parseSchemaName(schema),
    name: null,
    domains: [hostOf(schema)],
    data: true,
    declarations: {},
  });

async function assertWhole(
  t: ExecutionContext,
  schema: string,
  where: Pick<World, 'asOwner'> & { owner?: World['owner'] } = world,
): Promise<void> {
  t.deepEqual(
    await where.asOwner(`select id, mood::text, friend, was::text from ${schema}.feelings order by id`),
    ROWS,
  );
  const [row] = await where.asOwner(
    'select status, migrated_to, purge_after, deleted_at from public.tenants where schema_name = $1',
    [schema],
  );
  t.like(row, {
    status: 'active',
    migrated_to: '29990101000000111_moods_step11',
    purge_after: null,
    deleted_at: null,
  });
}

const unfinished = () =>
  world.asOwner(
    `select schema_name from public.tenants where schema_name ~ '^(unfinished|drift)_'
     union all
     select nspname from pg_namespace where nspname ~ '^(unfinished|drift)_'`,
  );

test.serial('creates a tenant with migrations that need a commit in between', async (t) => {
  await create('fresh');
  await assertWhole(t, 'fresh');
  t.deepEqual(await unfinished(), []);
  t.deepEqual(
    await world.asOwner(
      `select d.domain from public.domains as d join public.tenants as t on t.id = d.tenant_id where t.schema_name = 'fresh'`,
    ),
    [{ domain: 'fresh.localhost' }],
  );
});

test.serial('rejects a taken name, and leaves nothing', async (t) => {
  const before = await traces(world);
  await t.throwsAsync(create('fresh'), { code: 'schema_name_taken' } as never);
  await t.throwsAsync(
    provisionTenant(
      world.owner,
      { service: world.service, project: projectOf(app) },
      { schema: parseSchemaName('other'), name: 'other', domains: [hostOf('fresh')] },
    ),
    { code: 'domain_taken' } as never,
  );
  t.deepEqual(await traces(world), before);
});

test.serial('migrates a tenant in use with one transaction for each migration', async (t) => {
  await create('in_use', older);
  const { tenants } = await migrate(world.owner, fleetOf(app), { schema: 'in_use' });
  t.is(tenants[0]?.applied.length, MIGRATIONS.length - 1);
  await assertWhole(t, 'in_use');
});

test.serial('creates, migrates and claims spares', async (t) => {
  const keep = (made: MadeApp) => keepSpares(world.owner, fleetOf(made), 1, new AbortController().signal);
  t.like(await keep(older), { created: 1 });
  t.like(await keep(app), { created: 0, migrated: 1 });
  const spare = async () =>
    (await world.asOwner<{ id: string }>(`select id from public.tenants where status = 'spare'`))[0]?.id;
  t.is(await spare(), await create('claimed'));
  await assertWhole(t, 'claimed');
  t.like(await keep(app), { created: 1 });
  t.is(await spare(), await create('claimed_too'));
  await assertWhole(t, 'claimed_too');
});

test.serial('clones on main and to another database', async (t) => {
  await clone('fresh', 'copied');
  await assertWhole(t, 'copied');
  await clone('fresh', 'away', premium.database);
  await assertWhole(t, 'away', premium);
  t.deepEqual(await unfinished(), []);
});

test.serial('restores a dump of this release and one from before the enum value', async (t) => {
  for (const [schema, made] of [
    ['fresh', app],
    ['early', older],
  ] as const) {
    if (made === older) {
      await create(schema, older);
    }
    const file = join(folder, `${schema}.tenant`);
    await dumpTenant(world.owner, schema, {
      project: world.fleet.project,
      file,
      overwrite: false,
      declarations: {},
    });
    await restoreTenant(world.owner, main(), {
      project: projectOf(app),
      file,
      schema: parseSchemaName(`${schema}_back`),
      domains: [hostOf(`${schema}_back`)],
      asCopy: true,
      declarations: {},
    });
    await assertWhole(t, `${schema}_back`);
  }
  t.deepEqual(await unfinished(), []);
});

test.serial('compares drift, and leaves no objects behind', async (t) => {
  const migrations = await loadTenantMigrations(projectOf(app));
  const before = await traces(world);
  for (const schema of ['fresh', 'in_use', 'claimed', 'copied', 'fresh_back', 'early_back']) {
    const { compared, drift } = await withAdminConnection(world.owner, (client) =>
      findDrift(client, world.service, { owner: world.owner, schema, migrations }),
    );
    t.deepEqual([compared, drift], [1, []], schema);
  }
  t.deepEqual(await traces(world), before);
});

for (const online of [false, true]) {
  test.serial(`moves a tenant ${online ? 'online' : 'offline'}`, async (t) => {
    const schema = online ? 'mover_online' : 'mover';
    await clone('fresh', schema);
    const databases = { main: main(), premium: premium.database };
    const created: string[] = [];
    const onTenantCreated = async (_: unknown, tenant: { schema: string }) => {
      created.push(tenant.schema);
    };
    const watched = { ...app, app: { ...app.app, hooks: { ...app.app.hooks, onTenantCreated } } };
    const limits = { project: projectOf(watched), online, blockSeconds: 60, keepDays: 0 };
    await moveTenant(databases, schema, { to: 'premium', ...limits });
    await assertWhole(t, schema, premium);
    await moveTenant(databases, schema, { to: 'main', ...limits });
    await assertWhole(t, schema);
    t.deepEqual(created, [], 'a move creates no tenant');
  });
}

test.serial('names a failed migration, and leaves nothing of a new tenant', async (t) => {
  const broken = await makeApp('moods', [...MIGRATIONS.slice(0, 3), 'select 1 / 0']);
  t.teardown(broken.remove);
  const before = await traces(world);
  const error = await t.throwsAsync(create('broken', broken), { message: /division by zero/ });
  t.like(error, { code: 'migration_failed', migration: '29990101000000103_moods_step3' });
  t.deepEqual(await traces(world), before);
});
