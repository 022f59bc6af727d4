import test from 'ava';

import { withAdminConnection } from '../../src/db/admin/admin-connection.ts';
import { migrate } from '../../src/tenancy/fleet/migrate.ts';
import { type Ran, run } from '../cli/run.ts';
import { type Managed, openManaged } from '../helpers/managed.ts';
import { environmentOf } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';
import { LOST_UNHARDENED } from './unhardened.ts';

let world: World;
let managed: Managed;
test.serial.before(async () => {
  world = await openWorld();
  managed = await openManaged(world);
  await world.alone(() => migrate(managed.owner, managed.fleet));
});
test.after.always(async () => {
  await managed?.close();
  await world?.close();
});

const tenants = (...args: string[]): Promise<Ran> =>
  run('cli.ts', args, {
    ...environmentOf(world),
    DATABASE_URL: managed.serviceUrl,
    OWNER_DATABASE_URL: managed.owner.connectionString,
    TENANCY_CONTEXT: 'signed',
  });

type AttackVerdict = Readonly<{ id: string; leak: string | null }>;

const leaksOf = ({ out }: Ran): string[] =>
  (JSON.parse(out) as readonly AttackVerdict[]).filter(({ leak }) => leak !== null).map(({ id }) => id);

/** Returns what a run has created and not removed: tenants, keys and roles. */
const leftOvers = () =>
  withAdminConnection(managed.owner, async (client) => {
    await client.query('set local role tenancy_owner');
    const { rows } = await client.query<{ what: string }>(
      `select t.schema_name as what from public.tenants as t where t.type = 'attacked'
       union all
       select k.id from tenancy.keys as k where k.id not in ('test', 'old', 'own')
       union all
       select m.member::regrole::text from pg_auth_members as m where m.roleid = $1::regrole`,
      [managed.fleet.service],
    );
    return rows.map(({ what }) => what).filter((name) => !name.startsWith('deploy_'));
  });

test.serial('without a superuser, a run reports only the documented losses and reads no row', async (t) => {
  const ran = await tenants('check', '--attack', '--json');
  t.is(ran.code, 1, ran.err);
  t.true(JSON.parse(ran.out).length > 100);
  const leaks = leaksOf(ran);
  t.deepEqual(
    leaks.filter((id) => !LOST_UNHARDENED.includes(id)),
    [],
  );
  t.true(leaks.includes('count-live-tuples'));
  t.deepEqual(await leftOvers(), []);
});

test.serial('after hardening by the provider, every attack is stopped, with and without --url', async (t) => {
  await managed.harden();
  const walls = await tenants('check', '--fail-on', 'fault');
  t.is(walls.code, 0, walls.out + walls.err);
  for (const args of [[], ['--url', managed.owner.connectionString]]) {
    const ran = await tenants('check', '--attack', '--json', ...args);
    t.is(ran.code, 0, ran.err);
    t.true(JSON.parse(ran.out).length > 100);
    t.deepEqual(leaksOf(ran), []);
    t.deepEqual(await leftOvers(), []);
  }
});

test.serial('the login can migrate after hardening by the provider', async (t) => {
  const ran = await world.alone(() => tenants('migrate', '--reinstall'));
  t.is(ran.code, 0, ran.err);
  t.is((await tenants('check', '--fail-on', 'fault')).code, 0);
});

test.serial('a run without a required privilege reports it and exits', async (t) => {
  const change = (text: string) => world.alone(() => managed.asSuperuser(text));
  await change('revoke execute on function pg_catalog.pg_try_advisory_lock(bigint) from tenancy_owner');
  const ran = await tenants('check', '--attack');
  t.is(ran.code, 1);
  t.regex(ran.err, /permission denied for function pg_try_advisory_lock/);
  t.deepEqual(await leftOvers(), []);
});
