import { readFile } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';

import { addUser } from '../../../src/apps/accounts/commands/accounts.ts';
import { migrate } from '../../../src/tenancy/fleet/migrate.ts';
import { isPlain, run } from '../../cli/run.ts';
import { servedProject } from '../../fixture-app/served-project.ts';
import { type Managed, openManaged } from '../../helpers/managed.ts';
import { secondServer } from '../../helpers/second-server.ts';
import { environmentOf, PASSWORD, serve } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { leftovers } from './traces.ts';

/** The statements of docs/moving-tenants.md for a provider that grants no superuser. */
async function documentedRights(): Promise<string> {
  const page = await readFile(new URL('../../../docs/moving-tenants.md', import.meta.url), 'utf8');
  return /```sql\n(alter role deploy[\s\S]*?)```/.exec(page)?.[1] ?? '';
}

let world: World;
let main: Managed;
let premium: Managed;
let hardened = false;
test.serial.before(async () => {
  world = await openWorld({ project: servedProject });
  const documented = await documentedRights();
  const rights = world.version >= 160_000 ? documented : (documented.split('\n')[0] ?? '');
  main = await openManaged(world, world.ownerUrl, rights);
  premium = await openManaged(world, await secondServer(), rights);
  await world.alone(() => migrate(main.owner, main.fleet));
  await world.alone(() => migrate(premium.owner, { ...premium.fleet, siteDomains: [], database: 'premium' }));
});
test.after.always(async () => {
  await premium?.close();
  await main?.close();
  await world?.close();
});

const environment = (): Record<string, string> =>
  environmentOf(main, {
    DATABASES: `premium=${premium.serviceUrl}`,
    OWNER_DATABASES: `premium=${premium.ownerUrl}`,
    TENANCY_CONTEXT: 'signed',
    ALLOW_UNHARDENED: String(!hardened),
  });

async function tenants(t: ExecutionContext, ...args: readonly string[]): Promise<string> {
  const { code, out, err } = await run('served-cli.ts', args, environment());
  t.is(code, 0, `${args[0]}: ${out}${err}`);
  return out;
}

/** Creates a tenant, which writes a row before, between and after its two moves. */
async function moveThereAndBack(t: ExecutionContext, schema: string, how: readonly string[]): Promise<void> {
  const host = `${schema}.localhost`;
  await tenants(t, 'create-tenant', '--schema', schema, '--name', schema, '--domain', host);
  await addUser(main.owner, schema, {
    username: 'mover',
    email: 'mover@example.com',
    password: PASSWORD,
    isSuperuser: false,
  });
  const service = await serve(main, environment());
  t.teardown(service.close);
  const token = await service.logIn(host, 'mover', PASSWORD);
  const write = async (name: string) => {
    const { status } = await service.request(host, 'POST', '/api/notes/', {
      token,
      body: { name },
    });
    t.is(status, 201, name);
  };
  await write('before');
  for (const [to, keepDays] of [
    ['premium', '0'],
    ['main', '1'],
  ] as const) {
    await tenants(
      t,
      ...['move-tenant', '--schema', schema, '--to', to, '--block-seconds', '30', '--keep-days', keepDays],
      ...how,
    );
    await write(`on ${to}`);
  }
  const page = await service.request(host, 'GET', '/api/notes/', { token });
  t.is(page.body.count, 3);
  t.deepEqual(service.bugs, []);
}

/** Returns `--online` from PostgreSQL 16 on. Before, only a superuser can subscribe. */
const onlineIfSupported = (): readonly string[] => (world.version >= 160_000 ? ['--online'] : []);

async function assertRejectedOnline(t: ExecutionContext, schema: string, expected: RegExp): Promise<void> {
  const ran = await run(
    'served-cli.ts',
    ['move-tenant', '--schema', schema, '--to', 'premium', '--online'],
    environment(),
  );
  t.is(ran.code, 1, ran.err);
  t.regex(ran.err, expected);
  isPlain(t, ran);
}

test.serial('moves a tenant online and back with logins that are not superusers', (t) =>
  moveThereAndBack(t, 'mover', onlineIfSupported()),
);

test.serial('moves online, and does everything else, after a superuser hardened both servers', async (t) => {
  for (const { harden } of [main, premium]) {
    await harden();
  }
  hardened = true;
  await moveThereAndBack(t, 'walled', onlineIfSupported());
  await moveThereAndBack(t, 'waiting', []);
  await tenants(t, 'drop-retained-copies', '--schema', 'walled');
  await tenants(t, 'clone-tenant', '--from', 'walled', '--schema', 'twin', '--domain', 'twin.localhost');
  await tenants(t, 'delete-tenant', '--schema', 'walled', '--yes', '--purge');
  await tenants(t, 'migrate');
  await tenants(t, 'check', '--fail-on', 'fault');
  await tenants(t, 'check', '--drift');
});

test.serial('names a right that the hardening revoked, with the GRANT that restores it', async (t) => {
  await tenants(
    t,
    ...['create-tenant', '--schema', 'missing', '--name', 'Missing', '--domain', 'missing.localhost'],
  );
  for (const [where, signature, expected] of [
    [main, 'pg_stat_get_activity(integer)', /execute on function pg_stat_get_activity\(integer\) to deploy/],
    [premium, 'pg_stat_get_subscription(oid)', /function pg_stat_get_subscription\(oid\) to deploy/],
    [main, 'pg_try_advisory_lock(bigint)', /\(permission denied for function pg_try_advisory_lock\)/],
  ] as const) {
    await where.asSuperuser(`revoke execute on function ${signature} from tenancy_owner`);
    await assertRejectedOnline(t, 'missing', expected);
    await where.asSuperuser(`grant execute on function ${signature} to tenancy_owner`);
  }
  if (world.version < 160_000) {
    await assertRejectedOnline(t, 'missing', /before PostgreSQL 16 only a superuser may/);
  }
  t.deepEqual(await leftovers(...[main, premium].map(({ asSuperuser }) => ({ asOwner: asSuperuser }))), []);
});
