/** Run alone: TEST_POSTGRES=embedded node_modules/.bin/node test/run.ts test/db/unix-socket.test.ts */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { sql } from 'slonik';
import { z } from 'zod';

import { serverAddress, serverName } from '../../src/db/admin/server-address.ts';
import { withTenant } from '../../src/tenancy/context/with-tenant.ts';
import { servedProject } from '../fixture-app/served-project.ts';
import { startTestServer } from '../helpers/postgres.ts';
import { serve, until } from '../helpers/server.ts';
import { openWorld } from '../helpers/world.ts';

test('serves over a Unix-domain socket with both forms of the URL, and cancels a statement there', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'kt-'));
  // The server may run as another user.
  await chmod(folder, 0o777);
  const server = await startTestServer({ unix_socket_directories: folder });
  const world = await openWorld({ server: server.url, project: servedProject, queryTimeout: 1_000 });
  try {
    const byParameter = new URL(world.serviceUrl);
    byParameter.searchParams.set('host', folder);
    byParameter.hostname = 'ignored.invalid';
    const byHost = world.serviceUrl.replace('127.0.0.1', encodeURIComponent(folder));
    for (const url of [byParameter.href, byHost]) {
      const service = await serve({ ...world, serviceUrl: url });
      try {
        const [row] = await world.asOwner<{ n: number }>(
          `select count(*)::integer as n from pg_stat_activity where usename = $1 and client_addr is null`,
          [world.service],
        );
        t.true((row?.n ?? 0) > 0, url);
        const { status } = await service.request('acme.localhost', 'GET', '/readyz');
        t.is(status, 200);
      } finally {
        await service.close();
      }
    }

    await world.asOwner('grant execute on function pg_catalog.pg_sleep(double precision) to public');
    const pool = await world.openPool({ connection: { connectionString: byHost } });
    const tenantDatabase = { ...world.tenantDatabase, poolOf: () => pool };
    const sleeping = withTenant(
      tenantDatabase,
      { tenant: world.acme.id, readOnly: true },
      // Longer than the pool's limit and the transaction's statement_timeout.
      (tx) => tx.any(sql.type(z.object({}))`select from pg_sleep(600)`),
    );
    await t.throwsAsync(sleeping);
    const working = await until(
      () =>
        world.asOwner(`select pid from pg_stat_activity where usename = $1 and state = 'active'`, [
          world.service,
        ]),
      (found) => found.length === 0,
    );
    t.deepEqual(working, []);
  } finally {
    await world.close();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
});

test('returns the host and port of a URL', (t) => {
  for (const [url, host, port, name] of [
    ['postgres://app:x@db.example.com/app', 'db.example.com', '5432', 'db.example.com:5432'],
    ['postgres://app:x@[::1]:6432/app', '::1', '6432', '[::1]:6432'],
    [
      'postgres://app:x@%2Frun%2Fpostgresql:6432/app',
      '/run/postgresql',
      '6432',
      '/run/postgresql/.s.PGSQL.6432',
    ],
    ['postgres://app:x@localhost/app?host=/tmp&port=6432', '/tmp', '6432', '/tmp/.s.PGSQL.6432'],
    ['postgres:///app', '', '5432', 'the local socket'],
  ] as const) {
    const address = serverAddress(url);
    t.deepEqual([address.host, address.port, serverName(url)], [host, port, name]);
  }
});
