import test from 'ava';
import { evaluate } from '../../src/attacks/evaluate.ts';
import { runsWithoutDriver } from '../../src/attacks/record.ts';
import { withTenant } from '../../src/tenancy/context/with-tenant.ts';
import { raw } from './attack.ts';
import { attackedProject } from './attacked-project.ts';
import { openAttackedWorld } from './attacked-world.ts';
import { attacks } from './attacks/index.ts';
import { sessions } from './attacks/sessions.ts';
import { singleStatements } from './attacks/single-statements.ts';
import { type Fixtures, openFixtures } from './fixture.ts';

const opened: Partial<Record<'guarded' | 'signed', Fixtures>> = {};

for (const contextMode of ['guarded', 'signed'] as const) {
  let fixtures: Fixtures;
  test.serial.before(async () => {
    fixtures = await openFixtures(
      await openAttackedWorld({ contextMode, project: attackedProject, installs: true }),
    );
    opened[contextMode] = fixtures;
  });
  test.after.always(async () => {
    await fixtures?.close();
    await fixtures?.world.close();
  });

  test.serial(`${contextMode}: a tenant sees only its own rows`, async (t) => {
    const { acme, globex, tenantDatabase } = fixtures.world;
    for (const [member, mark] of [
      [acme, 'own one'],
      [globex, 'canary-8d1f3c one'],
    ] as const) {
      const rows = await withTenant(tenantDatabase, { tenant: member.id, readOnly: true }, (tx) =>
        tx.any(raw('select name from attack_notes where id = 1')),
      );
      t.deepEqual(rows, [{ name: mark }]);
    }
  });

  test.serial(`${contextMode}: a tenant sees only its own row of the registry`, async (t) => {
    const { acme, tenantDatabase } = fixtures.world;
    const seen = await withTenant(tenantDatabase, { tenant: acme.id, readOnly: true }, (tx) =>
      tx.one(
        raw(`select (select json_agg(m.schema_name) from tenancy.my_tenant() as m) as tenants,
                    (select json_agg(d.domain) from tenancy.my_domains() as d) as domains`),
      ),
    );
    t.deepEqual(seen, { tenants: ['acme'], domains: ['acme.localhost'] });
  });

  for (const attack of attacks.filter((one) => (one.contextMode ?? contextMode) === contextMode)) {
    test.serial(`${contextMode}: ${attack.name}`, async (t) => {
      t.is(await evaluate(fixtures, attack), null);
    });

    if (runsWithoutDriver(attack)) {
      test.serial(`${contextMode}: also past the driver: ${attack.name}`, async (t) => {
        t.is(await evaluate(fixtures, attack, { channel: 'bare' }), null);
      });
    }
  }
}

// Attacks on state that a transaction leaves on its connection, without prepared statements. `make isolation PREPARED=off` runs all attacks.
for (const attack of [sessions, singleStatements].flatMap(({ attacks: of }) => of)) {
  test.serial(`without prepared statements: ${attack.name}`, async (t) => {
    const { guarded } = opened;
    if (!guarded) {
      throw new TypeError('The world is not open.');
    }
    const { world } = guarded;
    const off = { preparedStatements: undefined };
    const pool = await world.openPool(off);
    const tenantDatabase = { ...world.tenantDatabase, poolOf: () => pool };
    const fixture: Fixtures['fixture'] = (replaced, guess) => ({
      ...guarded.fixture({ ...replaced, pool: off }, guess),
      world: { ...world, tenantDatabase },
    });
    try {
      t.is(await evaluate({ ...guarded, fixture }, attack), null);
    } finally {
      await pool.end();
    }
  });
}
