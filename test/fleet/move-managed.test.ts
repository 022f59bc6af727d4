import { readFile } from 'node:fs/promises';
import test from 'ava';

import { addUser } from '../../src/cli/accounts.ts';
import { migrate } from '../../src/tenancy/migrate.ts';
import { run } from '../cli/run.ts';
import { type Managed, openManaged } from '../fleet-migrate/managed.ts';
import { startTestServer, type TestServer } from '../helpers/postgres.ts';
import { environmentOf, PASSWORD, serve } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';

/** The statements that docs/moving-tenants.md gives to whoever has no superuser. */
async function documentedRights(): Promise<string> {
  const page = await readFile(new URL('../../docs/moving-tenants.md', import.meta.url), 'utf8');
  return /```sql\n(alter role deploy[\s\S]*?)```/.exec(page)?.[1] ?? '';
}

let world: World;
let second: TestServer;
let main: Managed;
let premium: Managed;
test.serial.before(async () => {
  world = await openWorld();
  second = await startTestServer();
  const rights = world.version >= 160_000 ? await documentedRights() : '';
  main = await openManaged(world, world.ownerUrl, rights);
  premium = await openManaged(world, second.url, rights);
  await world.alone(() => migrate(main.owner, main.fleet));
  await world.alone(() => migrate(premium.owner, { ...premium.fleet, siteDomains: [], database: 'premium' }));
});
test.after.always(async () => {
  await premium?.close();
  await main?.close();
  await second?.stop();
  await world?.close();
});

const environment = (): Record<string, string> =>
  environmentOf(main, {
    DATABASES: `premium=${premium.serviceUrl}`,
    OWNER_DATABASES: `premium=${premium.ownerUrl}`,
    TENANCY_CONTEXT: 'signed',
    ALLOW_UNHARDENED: 'true',
  });

const tenants = (...args: readonly string[]) => run('cli.ts', args, environment());

test.serial('by logins that are no superusers a tenant moves online, there and back', async (t) => {
  const created = await tenants(
    ...['create-tenant', '--schema', 'mover', '--name', 'Mover', '--domain', 'mover.localhost'],
  );
  t.is(created.code, 0, created.err);
  await addUser(main.owner, 'mover', {
    username: 'mover',
    email: 'mover@example.com',
    password: PASSWORD,
    isSuperuser: false,
  });
  const service = await serve(main, environment());
  t.teardown(service.close);
  const token = await service.logIn('mover.localhost', 'mover', PASSWORD);
  const write = async (name: string) => {
    const { status } = await service.request('mover.localhost', 'POST', '/api/projects/', {
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
    const moved = await tenants(
      ...['move-tenant', '--schema', 'mover', '--to', to, '--online', '--block-seconds', '20'],
      ...['--keep-days', keepDays, '--json'],
    );
    t.is(moved.code, 0, moved.err);
    await write(`on ${to}`);
  }
  const page = await service.request('mover.localhost', 'GET', '/api/projects/', { token });
  t.is(page.body.count, 3);
  t.deepEqual(service.bugs, []);
});
