import test from 'ava';

import { loadTenantMigrations } from '../../src/tenancy/migrations/tenant-migrations.ts';
import { environmentOf } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';
import { run } from './run.ts';

let world: World;
test.serial.before(async () => {
  world = await openWorld();
  await world.provision('a');
});
test.after.always(() => world?.close());

const tenants = (...args: readonly string[]) => run('cli.ts', args, environmentOf(world));

test.serial('check --drift exits 1 and lists the differences, as sentences and as JSON', async (t) => {
  const fine = await tenants('check', '--drift', '--schema', 'acme');
  t.deepEqual([fine.code, fine.out], [0, ''], fine.err);
  await world.asOwner('create function acme.extra() returns integer language sql return 1');
  const found = await tenants('check', '--drift');
  t.is(found.code, 1);
  t.is(found.out, 'drift   acme   function extra() is in no migration\n');
  t.regex(found.err, /^1 of 4 differ from their migrations\./);
  const json = await tenants('check', '--drift', '--json');
  t.is(json.code, 1);
  t.like(JSON.parse(json.out), { drift: [{ schema: 'acme' }], others: [] });
  t.is((await tenants('check', '--drift', '--schema', 'globex')).code, 0);
  t.is((await tenants('check', '--drift', '--schema', 'nobody')).code, 1);
  t.is((await tenants('check', '--schema', 'acme')).code, 2);
});

test.serial('migrate-status lists versions, tenants that are behind, failures and drift', async (t) => {
  const newest = (await loadTenantMigrations(world.fleet.project)).at(-1)?.name ?? '';
  const older = '20000101000000000_older';
  await world.asOwner(`update public.tenants set migrated_to = '${older}' where schema_name = 'a'`);
  await world.asOwner(`update public.tenants set status = 'suspended' where schema_name = 'globex'`);
  await world.asOwner(
    `insert into tenancy.migration_failures (tenant_id, migration, error, attempts)
     select id, '${newest}', 'no such luck', 3 from public.tenants where schema_name = 'a'`,
  );
  const ran = await tenants('migrate-status', '--drift');
  t.is(ran.code, 0, ran.err);
  const lines = ran.out.trimEnd().split('\n');
  t.deepEqual(
    lines.slice(0, 4).map((line) => line.trim().replaceAll(/ +/g, ' ')),
    [
      'active suspended',
      `${newest} 1 1`,
      `${older} 1`,
      'behind a nothing; its registry row differs from its migration history',
    ],
  );
  t.regex(lines[4] ?? '', new RegExp(`^failed {3}a {3}${newest}: no such luck \\(3 times, last .*Z\\)$`));
  t.is(lines[5], 'drift   acme   function extra() is in no migration');
  t.is(ran.err, '1 behind, 1 failed, 1 drifted.\n');
  const json = JSON.parse((await tenants('migrate-status', '--json')).out);
  t.like(json, { pending: { tenants: [{ schema: 'a' }] }, failures: [{ attempts: 3 }] });
  t.false('drift' in json);
});
