import test, { type ExecutionContext } from 'ava';
import pg from 'pg';

import { openReplication } from '../../../src/db/admin/replication-client.ts';
import { moveTenant } from '../../../src/tenancy/transfer/move/move-tenant.ts';
import { isPlain, run } from '../../cli/run.ts';
import { servedProject } from '../../fixture-app/served-project.ts';
import { startTestServer, type TestServer, testServerUrl } from '../../helpers/postgres.ts';
import { environmentOf, makeUser, PASSWORD, serve, type TestService, until } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { openPremium, type Premium } from './premium.ts';
import { OTHERS, openSplitAddress, type SplitAddress } from './split-address.ts';
import { hasSchema, leftovers } from './traces.ts';

let server: TestServer | null = null;
let world: World;
/** A server that can neither publish nor subscribe. */
let closed: Premium;
/** A server with exactly the resources of one move. */
let narrow: Premium;
let splitAddress: SplitAddress;
let service: TestService;

/** Returns the environment of commands, with `owner` as the URL of narrow. */
const environment = (owner = narrow.ownerUrl): Record<string, string> =>
  environmentOf(world, {
    DATABASES: `closed=${closed.serviceUrl},narrow=${narrow.serviceUrl}`,
    OWNER_DATABASES: `closed=${closed.ownerUrl},narrow=${owner}`,
  });

test.serial.before(async () => {
  // On this machine like the servers with their own settings, because they must reach each other.
  const isHere = new URL(await testServerUrl()).hostname === '127.0.0.1';
  server = isHere ? null : await startTestServer({ wal_level: 'logical' });
  world = await openWorld({ project: servedProject, ...(server ? { server: server.url } : {}) });
  closed = await openPremium(world, 'closed', { wal_level: 'replica', max_logical_replication_workers: '0' });
  narrow = await openPremium(world, 'narrow', { max_replication_slots: '2', max_wal_senders: '2' });
  splitAddress = await openSplitAddress(narrow.ownerUrl);
  service = await serve(world, environment());
});
test.after.always(async () => {
  await service?.close();
  await splitAddress?.close();
  await narrow?.close();
  await closed?.close();
  await world?.close();
  await server?.stop();
});

/** A tenant on one of the databases, with a user who is logged in. */
async function createPopulated(schema: string, home: string) {
  const { host } = await world.provision(schema);
  await makeUser(world, schema, 'stayer');
  const token = await service.logIn(host, 'stayer', PASSWORD);
  if (home !== 'main') {
    const databases = { main: closed.main, closed: closed.database, narrow: narrow.database };
    await moveTenant(databases, schema, {
      project: world.fleet.project,
      to: home,
      blockSeconds: 60,
      keepDays: 0,
    });
  }
  return { schema, home, list: () => service.request(host, 'GET', '/api/notes/', { token }) };
}

/** Asserts that the move is rejected with a fix, leaves nothing behind, and that the tenant is still served. */
async function assertMoveRejected(
  t: ExecutionContext,
  { schema, home, list }: Awaited<ReturnType<typeof createPopulated>>,
  { to, expected, env = environment() }: { to: string; expected: RegExp; env?: Record<string, string> },
): Promise<void> {
  const sides = { main: world, closed, narrow };
  const before = await leftovers(...Object.values(sides));
  const ran = await run('served-cli.ts', ['move-tenant', '--schema', schema, '--to', to, '--online'], env);
  t.is(ran.code, 1, ran.err);
  t.regex(ran.err, expected);
  t.regex(ran.err, /or move (it )?without --online\.\n$/);
  isPlain(t, ran, [new URL(narrow.ownerUrl).password]);
  t.deepEqual(await leftovers(...Object.values(sides)), before);
  for (const [name, side] of Object.entries(sides)) {
    t.is(await hasSchema(side, schema), name === home, name);
  }
  t.is((await list()).status, 200);
}

test.serial('rejects an online move from a server whose wal_level is not logical', async (t) => {
  await assertMoveRejected(t, await createPopulated('stuck', 'closed'), {
    to: 'main',
    expected: /"closed" has wal_level replica: set it to logical and restart the server/,
  });
});

test.serial('rejects an online move to a server without a free logical replication worker', async (t) => {
  await assertMoveRejected(t, await createPopulated('workless', 'main'), {
    to: 'closed',
    expected: /"closed" needs one more max_logical_replication_workers: raise the setting/,
  });
});

test.serial('rejects an online move to a server without a free replication origin', async (t) => {
  const origins = await narrow.asOwner<{ name: string }>(
    `select 'taken ' || n as name, pg_replication_origin_create('taken ' || n)
     from generate_series(1, coalesce(current_setting('max_active_replication_origins', true), current_setting('max_replication_slots'))::integer) as n`,
  );
  t.teardown(async () => {
    for (const { name } of origins) {
      await narrow.asOwner('select pg_replication_origin_drop($1)', [name]);
    }
  });
  await assertMoveRejected(t, await createPopulated('rootless', 'main'), {
    to: 'narrow',
    expected:
      /"narrow" needs one more (max_active_replication_origins|max_replication_slots): raise the setting/,
  });
});

test.serial('requires two replication slots and two WAL senders for one move', async (t) => {
  const stayer = await createPopulated('tight', 'narrow');
  await narrow.asOwner(`select pg_create_physical_replication_slot('taken')`);
  try {
    await assertMoveRejected(t, stayer, {
      to: 'main',
      expected: /"narrow" needs 2 more max_replication_slots: raise the setting/,
    });
  } finally {
    await narrow.asOwner(`select pg_drop_replication_slot('taken')`);
  }
  const reader = await openReplication({ connectionString: narrow.ownerUrl });
  try {
    await assertMoveRejected(t, stayer, {
      to: 'main',
      expected: /"narrow" needs 2 more max_wal_senders: raise the setting/,
    });
  } finally {
    await reader.end();
  }
  const moved = await run(
    'served-cli.ts',
    [
      'move-tenant',
      '--schema',
      'tight',
      '--to',
      'main',
      '--online',
      '--block-seconds',
      '30',
      '--keep-days',
      '0',
    ],
    environment(),
  );
  t.is(moved.code, 0, moved.err);
  t.is((await stayer.list()).status, 200);
});

/** Returns the error of a connection to `url`. */
async function connectionError(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  try {
    await client.connect();
    return 'welcome';
  } catch (error) {
    return (error as Error).message;
  } finally {
    await client.end().catch(() => {});
  }
}

/** Trusts all connections from 127.0.0.1, adds the rule `others`, and waits until the error matches `expected`. */
async function writeHbaRules(others: string | null, expected: RegExp): Promise<void> {
  const rules = ['host all all 127.0.0.1/32 trust', ...(others === null ? [] : [others])];
  const [file] = await narrow.asOwner<{ name: string }>(`select current_setting('hba_file') as name`);
  const list = rules.map((rule) => pg.escapeLiteral(rule)).join();
  await narrow.asOwner(`copy (select unnest(array[${list}])) to ${pg.escapeLiteral(file?.name ?? '')}`);
  await narrow.asOwner('select pg_reload_conf()');
  // The server reloads asynchronously.
  const url = Object.assign(new URL(splitAddress.through(narrow.ownerUrl)), { password: 'wrong' }).href;
  await until(
    () => connectionError(url),
    (answer) => expected.test(answer),
  );
}

test.serial('rejects an online move from a server that the target cannot reach or log in to', async (t) => {
  const stayer = await createPopulated('walled', 'narrow');
  const url = new URL(splitAddress.through(narrow.ownerUrl));
  const refused = (expected: RegExp, changed: Partial<Pick<URL, 'password' | 'search'>> = {}) => {
    const env = environment(Object.assign(new URL(url), changed).href);
    return assertMoveRejected(t, stayer, { to: 'main', expected, env });
  };
  const cannot = 'The server of "main" cannot subscribe to "narrow" at the address and with the login .*: ';

  await writeHbaRules(null, /no pg_hba/);
  await refused(new RegExp(`${cannot}.*no pg_hba.conf entry for host "${OTHERS}"`));
  await writeHbaRules(`host all all ${OTHERS}/32 scram-sha-256`, /password/);
  await refused(new RegExp(`${cannot}.*password authentication failed for user`), { password: 'wrong' });
  await refused(new RegExp(`${cannot}.*no password supplied`), { password: '' });
  await refused(/does not understand the URL of "narrow".*"statement_timeout"/, {
    search: '?statement_timeout=0',
  });
  splitAddress.shut();
  await refused(new RegExp(`${cannot}.*server closed the connection`));
});

test.serial('ignores settings of the URL that only apply to the client', async (t) => {
  const url = Object.assign(new URL(narrow.ownerUrl), { search: '?uselibpqcompat=true&sslmode=disable' });
  const moved = await run(
    'served-cli.ts',
    ['move-tenant', '--schema', 'walled', '--to', 'main', '--online', '--block-seconds', '30'],
    environment(url.href),
  );
  t.is(moved.code, 0, moved.err);
});
