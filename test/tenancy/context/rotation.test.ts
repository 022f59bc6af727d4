import test from 'ava';
import { sql } from 'slonik';
import { z } from 'zod';

import { runChecks } from '../../../src/db/checks.ts';
import { parseProofKeys } from '../../../src/tenancy/context/keys.ts';
import { type TenantDatabase, withTenant } from '../../../src/tenancy/context/with-tenant.ts';
import { migrate } from '../../../src/tenancy/fleet/migrate.ts';
import { serve } from '../../helpers/server.ts';
import { openWorld } from '../../helpers/world.ts';

const countProjects = (tenantDatabase: TenantDatabase, tenant: Parameters<typeof withTenant>[1]['tenant']) =>
  withTenant(tenantDatabase, { tenant, readOnly: true }, (tx) =>
    tx.oneFirst(sql.type(z.object({ count: z.number() }))`select count(*) as count from notes`),
  );

test('rejects a key that was removed from TENANCY_KEYS, and accepts the remaining one', async (t) => {
  const world = await openWorld({ contextMode: 'guarded' });
  t.teardown(world.close);
  const [stays, leaves] = parseProofKeys(
    'stays:a-secret-of-more-than-32-characters,leaves:b-secret-of-more-than-32-characters',
  );
  t.truthy(leaves);
  if (!leaves) {
    return;
  }
  const tenantDatabases = [stays, leaves].map((key) => ({ ...world.tenantDatabase, key }));
  await world.alone(() => migrate(world.owner, { ...world.fleet, keys: [stays, leaves] }));
  for (const tenantDatabase of tenantDatabases) {
    t.is(await countProjects(tenantDatabase, world.acme.id), 0);
  }

  const report = await world.alone(() => migrate(world.owner, { ...world.fleet, keys: [stays] }));
  t.true(report.installed);
  t.is(await countProjects({ ...world.tenantDatabase, key: stays }, world.acme.id), 0);
  await t.throwsAsync(countProjects({ ...world.tenantDatabase, key: leaves }, world.acme.id), {
    code: 'KT002',
  } as never);
});

test('does not start a service whose key is not in the database', async (t) => {
  const world = await openWorld({ contextMode: 'guarded' });
  t.teardown(world.close);
  await t.throwsAsync(serve(world, { TENANCY_KEYS: 'stranger:c-secret-of-more-than-32-characters' }), {
    message: /does not know the key "stranger"/,
  });
});

test('enters every tenant with a new service login, and none with the former one', async (t) => {
  const world = await openWorld({ contextMode: 'signed' });
  const service = `${world.service}_next`;
  t.teardown(async () => {
    await world.alone(() => migrate(world.owner, world.fleet));
    await world.asOwner(`drop owned by ${service}`);
    await world.asOwner(`drop role ${service}`);
    await world.close();
  });
  await world.alone(() => migrate(world.owner, { ...world.fleet, service, servicePassword: 'next' }));

  const url = new URL(world.serviceUrl);
  url.username = service;
  url.password = 'next';
  const pool = await world.openPool({ connection: { connectionString: url.href } });
  const next: TenantDatabase = { ...world.tenantDatabase, poolOf: () => pool };
  t.is(await countProjects(next, world.acme.id), 0);
  t.is(await countProjects(next, world.globex.id), 0);
  await t.throwsAsync(countProjects(world.tenantDatabase, world.acme.id));
  t.deepEqual(await runChecks((text) => world.asOwner(text), { service }), []);
});

test('enters every tenant with a new service login after the former one was dropped', async (t) => {
  const world = await openWorld({ contextMode: 'guarded' });
  const service = `${world.service}_heir`;
  t.teardown(async () => {
    await world.asOwner(`drop owned by ${service}`);
    await world.asOwner(`drop role ${service}`);
    await world.close();
  });
  await world.pool.end();
  await world.asOwner(`drop owned by ${world.service}`);
  await world.asOwner(`drop role ${world.service}`);
  await world.alone(() => migrate(world.owner, { ...world.fleet, service, servicePassword: 'heir' }));

  const url = new URL(world.serviceUrl);
  url.username = service;
  url.password = 'heir';
  const pool = await world.openPool({ connection: { connectionString: url.href } });
  t.is(await countProjects({ ...world.tenantDatabase, poolOf: () => pool }, world.globex.id), 0);
});
