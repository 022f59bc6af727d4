import test from 'ava';
import { servedProject } from '../fixture-app/served-project.ts';
import { type DatabaseProxy, openProxy } from '../helpers/proxy.ts';
import { scrape } from '../helpers/scrape.ts';
import { makeUser, PASSWORD, serve, type TestService, until } from '../helpers/server.ts';
import { type Member, openWorld, type World } from '../helpers/world.ts';

let world: World;
/** Between the service and PostgreSQL, for LISTEN only. */
let listenProxy: DatabaseProxy;
let service: TestService;
test.before(async () => {
  world = await openWorld({ project: servedProject });
  listenProxy = await openProxy(world.serviceUrl);
  // One hour: the changes below take effect by notifications, not by the TTL.
  service = await serve(world, {
    DIRECTORY_TTL: '3600',
    METRICS_PORT: '0',
    LISTEN_DATABASE_URL: listenProxy.through(world.serviceUrl),
  });
  await makeUser(world, 'globex', 'hank');
});
test.after.always(async () => {
  await service?.close();
  await listenProxy?.close();
  await world?.close();
});

/** Waits until the service receives notifications, and has forgotten what it knew before. */
const listens = () =>
  until(
    () => scrape(service.metricsPort),
    ({ total }) => total('koa_tenants_invalidation_listener_connected') === 1,
  );

let made = 0;
/** Creates a tenant with a logged-in user. */
async function tenant(): Promise<Member & { token: string }> {
  made += 1;
  const member = await world.provision(`member_${made}`);
  await makeUser(world, member.schema, 'alice');
  return { ...member, token: await service.logIn(member.host, 'alice', PASSWORD) };
}

const change = (member: Member, set: string) =>
  world.asOwner(`update public.tenants set ${set} where id = $1`, [member.id]);
const get = (member: Member & { token: string }, path = '/api/notes/', host = member.host) =>
  service.request(host, 'GET', path, { token: member.token });
const follows = (member: Member & { token: string }, expected: number, host = member.host) =>
  until(
    () => get(member, '/api/notes/', host),
    ({ status }) => status === expected,
  );
const logsIn = async (member: Member): Promise<number> => {
  const { status } = await service.request(member.host, 'POST', '/api/auth/jwt/create/', {
    body: { username: 'alice', password: PASSWORD },
  });
  return status;
};
const neighborIsServed = () => service.logIn('globex.localhost', 'hank', PASSWORD);

test.serial('redirects a renamed domain immediately, and no longer finds the former name', async (t) => {
  const member = await tenant();
  // Caches the host as unknown. The notification of the rename must clear that entry.
  t.is((await get(member, '/api/notes/', 'renamed.localhost')).status, 404);
  await world.asOwner(`update public.domains set domain = 'renamed.localhost' where domain = $1`, [
    member.host,
  ]);
  t.is((await follows(member, 200, 'renamed.localhost')).status, 200);
  t.is((await follows(member, 404)).body.detail, 'No such tenant.');
});

test.serial('finds a new tenant although its host was looked up before', async (t) => {
  t.is((await service.request('early-bird.localhost', 'GET', '/api/notes/')).status, 404);
  const member = await world.provision('early_bird');
  const last = await until(
    () => service.request(member.host, 'GET', '/api/notes/'),
    ({ status }) => status === 401,
  );
  t.is(last.status, 401);
});

test.serial('returns 402 for a suspended tenant, and serves it again when it is active', async (t) => {
  const member = await tenant();
  await change(member, `status = 'suspended'`);
  const { status, body } = await follows(member, 402);
  t.deepEqual([status, body.code], [402, 'payment_required']);
  t.truthy(await neighborIsServed());
  await change(member, `status = 'active'`);
  t.is((await follows(member, 200)).status, 200);
});

test.serial('returns 503 for a tenant in maintenance and for a tenant that is being moved', async (t) => {
  const member = await tenant();
  for (const status of ['maintenance', 'moving']) {
    await change(member, `status = '${status}'`);
    const answer = await follows(member, 503);
    t.deepEqual([answer.status, answer.body.code], [503, 'tenant_maintenance']);
    t.regex(String(answer.headers['retry-after']), /^\d+$/);
    t.is(await logsIn(member), 503);
    t.truthy(await neighborIsServed());
    await change(member, `status = 'active'`);
    t.is((await follows(member, 200)).status, 200);
  }
});

test.serial(
  'returns 402 for an unpaid tenant, whose users can still log in and read their account',
  async (t) => {
    const member = await tenant();
    await change(member, `on_trial = false, paid_until = (now() at time zone 'UTC')::date - 1`);
    const { status, body } = await follows(member, 402);
    t.deepEqual([status, body.code], [402, 'payment_required']);
    t.is(await logsIn(member), 200);
    const me = await get(member, '/api/auth/users/me/');
    t.deepEqual([me.status, me.body.username], [200, 'alice']);
    t.is((await service.request(member.host, 'POST', '/api/notes/', { body: {} })).status, 402);

    // Not today, which may end during the test.
    await change(member, `paid_until = (now() at time zone 'UTC')::date + 1`);
    t.is((await follows(member, 200)).status, 200);
    await change(member, `on_trial = true, paid_until = (now() at time zone 'UTC')::date - 1`);
    t.is((await follows(member, 200)).status, 200);
    await change(member, 'on_trial = false, paid_until = null');
    t.is((await follows(member, 200)).status, 200);
  },
);

test.serial('returns 503 only for the tenant whose migrations are behind the code', async (t) => {
  const member = await tenant();
  const [row] = await world.asOwner<{ migrated_to: string }>(
    'select migrated_to from public.tenants where id = $1',
    [member.id],
  );
  for (const older of [`'0000_before'`, 'null']) {
    await change(member, `migrated_to = ${older}`);
    const { status, body, headers } = await follows(member, 503);
    t.deepEqual([status, body.code], [503, 'tenant_migrating']);
    t.truthy(headers['retry-after']);
    t.is(await logsIn(member), 503);
    t.truthy(await neighborIsServed());
  }
  await change(member, `migrated_to = '9999_of_the_next_release'`);
  t.is((await follows(member, 200)).status, 200);
  await change(member, `migrated_to = '${row?.migrated_to}'`);
  // A migration of another app, earlier than the last applied one, is missing.
  await change(member, 'transactional_applied = transactional_applied - 1');
  const { status, body } = await follows(member, 503);
  t.deepEqual([status, body.code], [503, 'tenant_migrating']);
  await change(member, 'transactional_applied = transactional_applied + 1');
  t.is((await follows(member, 200)).status, 200);
});

test.serial('returns 404 for a deleted tenant', async (t) => {
  const member = await tenant();
  await change(member, `status = 'deleted'`);
  t.is((await follows(member, 404)).body.detail, 'No such tenant.');
  await change(member, `status = 'active'`);
});

test.serial('does at most one lookup for a notification with an invalid payload', async (t) => {
  const member = await tenant();
  for (const payload of ['', 'host:', 'nonsense', `host:${member.host}`, member.id, 'x'.repeat(7000)]) {
    await world.asOwner(`select pg_notify('koa_tenants', $1)`, [payload]);
  }
  t.is((await get(member)).status, 200);
  t.deepEqual(service.bugs, []);
});

test.serial('checks every transaction in the database when notifications are lost', async (t) => {
  const member = await tenant();
  t.is((await get(member)).status, 200);
  await listenProxy.cut();
  try {
    await change(member, `status = 'suspended'`);
    t.is((await get(member)).status, 402);
    await change(member, `status = 'maintenance'`);
    t.is((await get(member)).status, 503);
    t.is(await logsIn(member), 503);
    await change(
      member,
      `status = 'active', on_trial = false, paid_until = (now() at time zone 'UTC')::date - 1`,
    );
    t.is((await get(member)).status, 402);
    t.is((await get(member, '/api/auth/users/me/')).status, 200);
    t.is(await logsIn(member), 200);
    await change(member, `status = 'deleted', on_trial = true, paid_until = null`);
    t.is((await get(member)).status, 404);
    await change(member, `status = 'active'`);
    t.is((await get(member)).status, 200);
  } finally {
    await listenProxy.restore();
  }
});

test.serial('applies the changes made while the listening connection was down', async (t) => {
  // Before the first request: the directory is cleared when the listener of the last test connects again.
  await listens();
  const member = await tenant();
  t.is((await get(member)).status, 200);
  await listenProxy.cut();
  await world.asOwner(`update public.domains set domain = 'while-cut.localhost' where domain = $1`, [
    member.host,
  ]);
  // No notification arrived: the directory still returns the old name.
  t.is((await get(member)).status, 200);
  await listenProxy.restore();
  t.is((await follows(member, 404)).status, 404);
  t.is((await get(member, '/api/notes/', 'while-cut.localhost')).status, 200);
  t.true(service.warnings.some((message) => message.includes('invalidation listener disconnected')));

  // Notifications arrive again afterwards.
  await world.asOwner(
    `update public.domains set domain = 'again.localhost' where domain = 'while-cut.localhost'`,
  );
  t.is((await follows(member, 404, 'while-cut.localhost')).status, 404);
});

test.serial('notices the next change after the listening backend was killed', async (t) => {
  await listens();
  const member = await tenant();
  t.is((await get(member)).status, 200);
  const killed = await world.asOwner(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where usename = $1 and application_name = 'koa-tenants listen'`,
    [world.service],
  );
  t.is(killed.length, 1);
  await change(member, `status = 'suspended'`);
  t.is((await follows(member, 402)).status, 402);
  await change(member, `status = 'active'`);
  t.is((await follows(member, 200)).status, 200);
});
