import test from 'ava';
import { createScratch, removeScratch } from '../../../src/attacks/scratch-tenants.ts';
import { withAdminConnection } from '../../../src/db/admin/admin-connection.ts';
import { findDrift } from '../../../src/tenancy/fleet/drift.ts';
import { migrate } from '../../../src/tenancy/fleet/migrate.ts';
import { keepSpares } from '../../../src/tenancy/fleet/spares.ts';
import { provisionTenant } from '../../../src/tenancy/lifecycle/provision.ts';
import { purgeTenant } from '../../../src/tenancy/lifecycle/purge-tenant.ts';
import { deleteTenant } from '../../../src/tenancy/registry/change-status.ts';
import { parseDomainName, parseSchemaName } from '../../../src/tenancy/registry/tenant.ts';
import { openManaged } from '../../helpers/managed.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { laterRelease, migration } from './release.ts';

let world: World;
test.serial.before(async () => {
  world = await openWorld();
});
test.after.always(() => world?.close());

for (const kind of ['not hardened', 'hardened by the provider'] as const) {
  test(`${kind}: a migrating login that is not a superuser migrates, keeps and claims spares, and compares`, async (t) => {
    const { owner, fleet, harden, close } = await openManaged(world);
    t.teardown(close);
    await world.alone(() => migrate(owner, fleet));
    if (kind === 'hardened by the provider') {
      await harden();
    }
    const create = (schema: string) =>
      provisionTenant(owner, fleet, {
        schema: parseSchemaName(schema),
        name: schema,
        domains: [parseDomainName(`${schema}.localhost`)],
      });
    await create('first');
    t.deepEqual(await keepSpares(owner, fleet, 1, new AbortController().signal), { created: 1, migrated: 0 });
    await create('second');
    const migrations = await laterRelease(
      migration(1, 'alter table notes add column colour text'),
      migration(2, 'create index concurrently notes__name on notes (name)', { concurrent: true }),
    );
    const report = await migrate(owner, fleet, { migrations });
    t.deepEqual(
      [report.tenants, report.concurrent].map((list) => list.map(({ schema }) => schema).sort()),
      [
        ['first', 'second'],
        ['first', 'second'],
      ],
    );
    const drift = await withAdminConnection(owner, (client) =>
      findDrift(client, fleet.service, { owner, migrations }),
    );
    t.deepEqual(drift, { compared: 3, drift: [], others: [] });
    const broken = await laterRelease(migration(3, 'select 1 / 0'));
    await t.throwsAsync(migrate(owner, fleet, { migrations: broken, jobs: 1 }), {
      message: /division by zero/,
    });
    const left = await withAdminConnection(owner, (client) =>
      client.query('select f.attempts from tenancy.migration_failures as f'),
    );
    t.deepEqual(left.rows, [{ attempts: 1 }], 'and records the failure');
  });

  test(`${kind}: it drops tenants, including attacked ones, and leaves no role behind`, async (t) => {
    const { owner, fleet, harden, close } = await openManaged(world);
    t.teardown(close);
    await world.alone(() => migrate(owner, fleet));
    if (kind === 'hardened by the provider') {
      await harden();
    }
    const schema = parseSchemaName('gone');
    const id = await provisionTenant(owner, fleet, {
      schema,
      name: 'gone',
      domains: [parseDomainName('gone.localhost')],
    });
    await deleteTenant(owner, schema, 0);
    await purgeTenant(owner, schema, () => ({ step: () => {}, stop: () => {} }));
    const scratch = await createScratch(owner, fleet.project, true);
    t.is(await removeScratch(owner), 2);
    const roles = [
      `t_${id.replaceAll('-', '')}`,
      scratch.acme.role,
      scratch.globex.role,
      scratch.login?.user ?? '',
    ];
    t.deepEqual(await world.asOwner('select rolname from pg_roles where rolname = any ($1)', [roles]), []);
    const left = await withAdminConnection(owner, (client) =>
      client.query(`select nspname from pg_namespace where nspname ~ '^(gone|attacked_)'`),
    );
    t.deepEqual(left.rows, []);
  });
}
