import test from 'ava';

import { checkNames, runChecks } from '../../src/db/checks.ts';
import { OperatorError } from '../../src/errors.ts';
import { FLEET_CHECKS, fleetChecksDigest } from '../../src/tenancy/install/fleet-checks.ts';
import { assertPreconditions } from '../../src/tenancy/install/preconditions.ts';
import { sharedFingerprint } from '../../src/tenancy/install/shared-files.ts';
import { testServerUrl } from '../helpers/postgres.ts';
import { openWorld, type World } from '../helpers/world.ts';
import { connected, describe, queryOf, queryOfPool, undone } from './checks/database.ts';

const worlds: { guarded?: World; signed?: World } = {};
let world: World;

test.before(async () => {
  const [guarded, signed] = await Promise.all([
    openWorld({ contextMode: 'guarded' }),
    openWorld({ contextMode: 'signed' }),
  ]);
  Object.assign(worlds, { guarded, signed });
  world = guarded;
});

test.after.always(async () => {
  await Promise.all([worlds.guarded?.close(), worlds.signed?.close()]);
});

for (const contextMode of ['guarded', 'signed'] as const) {
  const chosen = (): World => worlds[contextMode] as World;

  test(`${contextMode}: reports no fault after a migration with two tenants, for the pool of the service`, async (t) => {
    t.deepEqual(describe(await runChecks(queryOfPool(chosen()), { service: chosen().service })), []);
  });

  test(`${contextMode}: reports no fault after a migration with two tenants, for the migrating login`, async (t) => {
    await connected(chosen().ownerUrl, async (client) => {
      t.deepEqual(describe(await runChecks(queryOf(client), { service: chosen().service })), []);
    });
  });

  test(`${contextMode}: the preconditions pass and return the context mode`, async (t) => {
    const result = await assertPreconditions({
      query: queryOfPool(chosen()),
      service: chosen().service,
      fingerprint: await sharedFingerprint(),
      allowUnhardened: false,
    });
    // Errors depend on the server that the tests run on.
    const warnings = result.warnings.filter(({ severity }) => severity !== 'error');
    t.deepEqual(
      { ...result, warnings },
      { contextMode, fingerprint: await sharedFingerprint(), fleetChecked: true, warnings: [] },
    );
  });
}

const refusal = async (
  world: World,
  plant: string,
  { fingerprint, allowUnhardened = false }: { fingerprint?: string; allowUnhardened?: boolean } = {},
): Promise<string> =>
  undone(world, async (client) => {
    await client.query(plant);
    try {
      await assertPreconditions({
        query: queryOf(client),
        service: world.service,
        fingerprint: fingerprint ?? (await sharedFingerprint()),
        allowUnhardened,
      });
    } catch (error) {
      if (error instanceof OperatorError && error.code === 'precondition_failed') {
        return error.message;
      }
      throw error;
    }
    return 'it was let through';
  });

test('a failed check prevents the start, with the object and the command that fixes it', async (t) => {
  t.is(
    await refusal(world, 'alter table acme.notes disable row level security'),
    [
      'The isolation checks failed:',
      `  table acme.notes has no row-level security. Fix: set role tenant_owner; select tenancy.protect_schema('acme')`,
    ].join('\n'),
  );
});

test('every fleet check is a check', async (t) => {
  const names = await checkNames();
  t.deepEqual(
    FLEET_CHECKS.filter((check) => !names.includes(check)),
    [],
  );
});

test('leaves the fleet checks to the caller only with many tenants, and after a run without a finding', async (t) => {
  await undone(world, async (client) => {
    const query = queryOf(client);
    const { service } = world;
    const start = (maxTenants: number) =>
      assertPreconditions({ query, service, allowUnhardened: false, maxTenants });
    const checked = async (maxTenants: number) => (await start(maxTenants)).fleetChecked;
    t.true(await checked(0));
    await client.query('update tenancy.installation set fleet_check = $1', [
      await fleetChecksDigest(service),
    ]);
    t.deepEqual([await checked(0), await checked(2), await checked(3)], [false, false, true]);
    // A check that is not one of the fleet's runs in any case.
    await client.query('savepoint without');
    await client.query(`alter role ${service} createdb`);
    await t.throwsAsync(start(0), { message: /may create databases/ });
    await client.query(
      'rollback to savepoint without; update tenancy.installation set fleet_check = $$another$$',
    );
    t.true(await checked(0));
  });
});

test('a failed start lists ten faults and the number of the others', async (t) => {
  const tables = Array.from({ length: 12 }, (_, index) => `create view acme.v${index} as select 1;`);
  const message = await refusal(world, `set local role tenant_owner; ${tables.join('\n')} reset role`);
  t.is(message.split('\n').length, 12);
  t.regex(message, /\n {2}and 2 more$/);
});

test('does not start when the shared schema has another fingerprint than the code', async (t) => {
  t.regex(
    await refusal(world, 'select', { fingerprint: 'another' }),
    /^ {2}schema tenancy has fingerprint [0-9a-f]{16}, and the code has another\. Fix: tenants migrate/m,
  );
});

test('does not start when nothing is installed', async (t) => {
  await connected(await testServerUrl(), async (client) => {
    await t.throwsAsync(
      assertPreconditions({
        query: queryOf(client),
        service: 'app',
        fingerprint: 'any',
        allowUnhardened: false,
      }),
      { instanceOf: OperatorError, code: 'precondition_failed', message: /not installed.*tenants migrate/ },
    );
  });
});

test('does not start for a login that the database is not installed for', async (t) => {
  t.regex(
    await refusal(world, `set local role ${world.acme.role}`),
    /cannot call tenancy\.version\(\).*tenants migrate/,
  );
});

test('ALLOW_UNHARDENED turns missing hardening into a warning, and no other fault', async (t) => {
  const unhardened = 'grant execute on function pg_catalog.set_config(text, text, boolean) to public';
  t.regex(
    await refusal(world, unhardened),
    /function pg_catalog\.set_config\(text, text, boolean\) may be called by PUBLIC/,
  );
  await undone(world, async (client) => {
    await client.query(unhardened);
    const { warnings } = await assertPreconditions({
      query: queryOf(client),
      service: world.service,
      fingerprint: await sharedFingerprint(),
      allowUnhardened: true,
    });
    t.deepEqual(describe(warnings.filter(({ severity }) => severity !== 'error')), [
      'unhardened: function pg_catalog.set_config(text, text, boolean) may be called by PUBLIC',
    ]);
  });
  const both = `${unhardened}; alter role ${world.service} createdb`;
  const message = await refusal(world, both, { allowUnhardened: true });
  t.regex(message, /may create databases/);
  t.notRegex(message, /set_config/);
});
