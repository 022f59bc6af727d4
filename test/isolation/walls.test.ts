import test from 'ava';

import { withTenant } from '../../src/tenancy/with-tenant.ts';
import { openWorld, type World } from '../helpers/world.ts';
import { attack, plant, raw } from './attack.ts';
import { attacks } from './attacks.ts';

for (const carrier of ['guarded', 'signed'] as const) {
  let world: World;
  test.before(async () => {
    world = await openWorld({ carrier });
    await plant(world);
  });
  test.after.always(() => world?.close());

  test(`${carrier}: a tenant sees its own rows, and only those`, async (t) => {
    for (const [member, mark] of [
      [world.acme, 'own one'],
      [world.globex, 'canary-8d1f3c one'],
    ] as const) {
      const rows = await withTenant(world.gate, { tenant: member.id, readOnly: true }, (tx) =>
        tx.any(raw('select name from projects where id = 1')),
      );
      t.deepEqual(rows, [{ name: mark }]);
    }
  });

  test(`${carrier}: what is known of a tenant is its own row of the registry`, async (t) => {
    const seen = await withTenant(world.gate, { tenant: world.acme.id, readOnly: true }, (tx) =>
      tx.one(
        raw(`select (select json_agg(m.schema_name) from tenancy.my_tenant() as m) as tenants,
                    (select json_agg(d.domain) from tenancy.my_domains() as d) as domains`),
      ),
    );
    t.deepEqual(seen, { tenants: ['acme'], domains: ['acme.localhost'] });
  });

  for (const { title, statements } of attacks) {
    test(`${carrier}: a tenant cannot ${title}`, async (t) => {
      t.is(await attack(world, statements(world)), null);
    });
  }

  for (const { title, statements, walls } of attacks.filter(({ walls }) => walls.includes('statement'))) {
    test(`${carrier}: not even past the driver can one ${title}`, async (t) => {
      t.true(walls.length > 1);
      t.is(await attack(world, statements(world), 'bare'), null);
    });
  }
}
