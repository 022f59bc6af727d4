// Extensions and global tables, from their declaration to a tenant's queries, dump and clone.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import pg from 'pg';

import { describeError, raw } from '../../../src/attacks/send-as-acme.ts';
import { withAdminConnection } from '../../../src/db/admin/admin-connection.ts';
import { runChecks } from '../../../src/db/checks.ts';
import { defineApp } from '../../../src/definition/define-app.ts';
import { defineProject } from '../../../src/definition/define-project.ts';
import { withTenant } from '../../../src/tenancy/context/with-tenant.ts';
import { findDrift } from '../../../src/tenancy/fleet/drift.ts';
import { migrate } from '../../../src/tenancy/fleet/migrate.ts';
import { withGlobalTables } from '../../../src/tenancy/install/global-migrations.ts';
import { assertPreconditions } from '../../../src/tenancy/install/preconditions.ts';
import { loadTenantMigrations } from '../../../src/tenancy/migrations/tenant-migrations.ts';
import { parseDomainName, parseSchemaName } from '../../../src/tenancy/registry/tenant.ts';
import { cloneTenant } from '../../../src/tenancy/transfer/copy/clone-tenant.ts';
import { dumpTenant } from '../../../src/tenancy/transfer/dump/dump-tenant.ts';
import { restoreTenant } from '../../../src/tenancy/transfer/dump/restore-tenant.ts';
import { places } from '../../fixture-app/places/app.ts';
import { openWorld, type World } from '../../helpers/world.ts';

const project = defineProject({ apps: [places] });
let world: World;

test.before(async () => {
  world = await openWorld({ project, installs: true });
});
test.after.always(() => world?.close());

const asAcme = (text: string): Promise<readonly Record<string, unknown>[]> =>
  withTenant(world.tenantDatabase, { tenant: world.acme.id, readOnly: false }, (tx) =>
    tx.query(raw(text)),
  ).then(({ rows }) => rows as readonly Record<string, unknown>[]);
const PLACE = `insert into places (name, country, path, facts, code_digest, open_from)
  values ('Café', 'AT', 'europe.vienna', 'a=>1', digest('x', 'sha256'), '2026-01-01') returning name`;

/** Returns the findings of the checks about global tables. */
const checked = (client: pg.ClientBase) => async (text: string) => (await client.query(text)).rows;

test('installs the declared extensions in schema extensions, and passes every check', async (t) => {
  const rows = await world.asOwner<{ name: string }>(
    `select e.extname as name from pg_extension as e
     join pg_namespace as n on n.oid = e.extnamespace where n.nspname = 'extensions' order by e.extname`,
  );
  t.deepEqual(
    rows.map(({ name }) => name),
    [...(places.extensions ?? [])].sort(),
  );
  await withAdminConnection(world.owner, async (client) => {
    t.deepEqual(await runChecks(checked(client), { service: world.service }), []);
  });
});

const USES: ReadonlyArray<readonly [extension: string, text: string, expected: unknown]> = [
  ['citext', `select name from places where name = 'CAFÉ'`, 'Café'],
  ['pg_trgm', `select name from places where name::text % 'Cafe' or name::text ilike '%caf%'`, 'Café'],
  ['pgcrypto', `select name from places where code_digest = digest('x', 'sha256')`, 'Café'],
  ['hstore', `select name from places where facts -> 'a' = '1' and facts @> 'a=>1'`, 'Café'],
  ['ltree', `select name from places where path <@ 'europe'`, 'Café'],
  ['unaccent', `select name from places where plain(name::text) = 'Cafe'`, 'Café'],
  ['uuid-ossp', `select name from places where id <> uuid_nil() and id <> uuid_generate_v4()`, 'Café'],
];

test.serial('stores a row with the types of all extensions in a tenant', async (t) => {
  t.deepEqual(await asAcme(PLACE), [{ name: 'Café' }]);
});

for (const [extension, text, expected] of USES) {
  test.serial(`supports ${extension} in a tenant`, async (t) => {
    t.deepEqual(await asAcme(text), [{ name: expected }]);
  });
}

test.serial('supports an exclusion constraint of btree_gist in a tenant', async (t) => {
  const error = await t.throwsAsync(asAcme(PLACE.replace('Café', 'Other')));
  t.regex(JSON.stringify(describeError(error)), /places__path_day/);
});

test.serial('reads global tables from a tenant, directly and in a view', async (t) => {
  t.deepEqual(await asAcme('select code, name from global.countries order by code'), [
    { code: 'AT', name: 'Austria' },
    { code: 'BE', name: 'Belgium' },
  ]);
  t.deepEqual(await asAcme('select country_name from austrian_places'), [{ country_name: 'Austria' }]);
  await t.throwsAsync(asAcme('select code from countries'));
});

const DENIED: ReadonlyArray<readonly [what: string, text: string]> = [
  ['insert into a global table', `insert into global.countries (code, name) values ('XX', 'x')`],
  ['update a global table', `update global.countries set name = 'x'`],
  ['delete from a global table', 'delete from global.countries'],
  ['lock rows of a global table', 'select code from global.countries for key share'],
  ['read xmax of a global table', 'select xmax from global.countries'],
  ['read ctid of a global table', 'select ctid from global.countries'],
  ['call set_limit', 'select set_limit(0.9)'],
  ['call show_limit', 'select show_limit()'],
  ['call populate_record', `select hstore('a', '1') #= hstore('a', '1')`],
  ['call uuid_generate_v1', 'select uuid_generate_v1()'],
];

for (const [what, text] of DENIED) {
  test.serial(`rejects a tenant’s attempt to ${what}`, async (t) => {
    const error = (await t.throwsAsync(asAcme(text))) as Error & { cause?: Error };
    t.regex(`${error.message} ${error.cause?.message}`, /permission denied for/);
  });
}

test.serial('writes global tables with the migrating login, as their owner', async (t) => {
  await withGlobalTables(world.owner, (client) =>
    client.query(`insert into countries (code, name) values ('CH', 'Switzerland')`),
  );
  t.deepEqual(await asAcme(`select name from global.countries where code = 'CH'`), [{ name: 'Switzerland' }]);
});

test.serial('keeps types, operator classes and views in a dump, a restored copy and a clone', async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'koa-tenants-global-'));
  try {
    const file = path.join(folder, 'acme.dump');
    await dumpTenant(world.owner, 'acme', { project, file, overwrite: false, declarations: {} });
    const target = { name: 'main', owner: world.owner, service: world.service };
    await restoreTenant(world.owner, target, {
      project,
      file,
      schema: parseSchemaName('restored'),
      asCopy: true,
      domains: [parseDomainName('restored.localhost')],
      declarations: {},
    });
    await cloneTenant(world.owner, world, target, {
      project,
      from: 'acme',
      schema: parseSchemaName('cloned'),
      name: null,
      domains: [parseDomainName('cloned.localhost')],
      data: true,
      declarations: {},
    });
    for (const schema of ['restored', 'cloned']) {
      const rows = await world.asOwner(
        `select p.name::text, v.country_name::text
         from ${schema}.places as p cross join ${schema}.austrian_places as v`,
      );
      t.deepEqual(rows, [{ name: 'Café', country_name: 'Austria' }], schema);
    }
    await withAdminConnection(world.owner, async (client) => {
      const { drift, compared } = await findDrift(client, world.service, {
        owner: world.owner,
        migrations: await loadTenantMigrations(project),
      });
      t.deepEqual(drift, []);
      t.true(compared >= 4);
      t.deepEqual(await runChecks(checked(client), { service: world.service }), []);
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('installs nothing when nothing is pending, and reports a further extension as pending', async (t) => {
  const nothing = await migrate(world.owner, world.fleet);
  t.false(nothing.installed);
  const further = defineProject({ apps: [places], extensions: ['vector'] });
  const has = await world.asOwner(`select from pg_available_extensions where name = 'vector'`);
  if (has.length === 0) {
    await t.throwsAsync(migrate(world.owner, { ...world.fleet, project: further }), {
      code: 'precondition_failed',
      message: /"vector", which is not available on this server/,
    } as never);
  }
  const service = new pg.Client({ connectionString: world.serviceUrl });
  await service.connect();
  try {
    const assert = (wanted: typeof project) =>
      assertPreconditions({
        query: async (text) => (await service.query(text)).rows,
        service: world.service,
        allowUnhardened: false,
        project: wanted,
      });
    await t.notThrowsAsync(assert(project));
    await t.throwsAsync(assert(further), { message: /extension vector is not in schema extensions/ });
  } finally {
    await service.end();
  }
});

test('rejects the declaration of an extension that is not on the list', (t) => {
  t.throws(() => defineApp({ name: 'x', directory: '/nowhere', extensions: ['dblink' as never] }), {
    code: 'configuration_invalid',
    message: /"dblink"/,
  } as never);
  t.throws(() => defineProject({ apps: [], extensions: ['postgres_fdw' as never] }), {
    code: 'configuration_invalid',
  } as never);
});
