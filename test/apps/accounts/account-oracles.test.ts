import test, { type ExecutionContext } from 'ava';
import { openPair } from '../../helpers/attacker.ts';
import { type DatabaseProxy, openProxy } from '../../helpers/proxy.ts';
import { type Answer, makeUser, PASSWORD, serve, type TestService } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { project } from './project.ts';

// A benchmark measures the time. This test counts what takes time: round trips to the database and written
// rows.

const ACME = 'acme.localhost';

let world: World;
let proxy: DatabaseProxy;
let service: TestService;
test.before(async () => {
  world = await openWorld({ project });
  await makeUser(world, 'acme', 'active');
  await makeUser(world, 'acme', 'inactive');
  await makeUser(world, 'acme', 'awaiting');
  await makeUser(world, 'acme', 'silent', { email: '' });
  await makeUser(world, 'acme', 'locked');
  await world.asOwner(`update acme.users set is_active = false where username = 'inactive'`);
  await world.asOwner(
    `update acme.users set is_active = false, awaits_activation = true where username = 'awaiting'`,
  );
  await world.asOwner(`update acme.users set password = '!' where username = 'locked'`);
  proxy = await openProxy(world.serviceUrl);
  // Without a mail transport and searches, only the request uses the database. The API document would be one more
  // request.
  service = await serve(
    { ...world, serviceUrl: proxy.through(world.serviceUrl) },
    {
      SEND_ACTIVATION_EMAIL: 'true',
      MAIL_DIR: '',
      POOL_SIZE: '1',
      API_DOCS: 'false',
      FIND_WORKSPACES: 'false',
    },
  );
  await openPair(service, ACME, 'active');
});
test.after.always(async () => {
  await service?.close();
  await proxy?.close();
  await world?.close();
});

const USERNAMES = ['active', 'inactive', 'awaiting', 'silent', 'locked', 'nobody'] as const;
const VARYING = new Set(['date', 'x-request-id']);

type Seen = { status: number; headers: unknown; body: string; roundTrips: number; written: unknown };

/** Returns everything visible in the response, and the counts. */
async function watch(ask: () => Promise<Answer>): Promise<Seen> {
  // In one transaction, because the statistics views are updated late.
  const rows = () =>
    world.asOwner<{ table: string; rows: string }>(`
      select 'outbox' as table, count(*)::text as rows from acme.outbox
      union all select 'sessions', count(*)::text from acme.sessions
      union all select 'users', string_agg(xmin::text, ',' order by id) from acme.users
    `);
  const [before, roundTrips] = [await rows(), proxy.roundTrips()];
  const { status, headers, text } = await ask();
  const cost = proxy.roundTrips() - roundTrips;
  const after = await rows();
  return {
    status,
    headers: Object.entries(headers).filter(([name]) => !VARYING.has(name)),
    body: text,
    roundTrips: cost,
    written: after.map((row, at) =>
      row.table === 'users' ? row.rows === before[at]?.rows : Number(row.rows) - Number(before[at]?.rows),
    ),
  };
}

async function assertSameResponse(
  t: ExecutionContext,
  ask: (who: string) => Promise<Answer>,
  expected: number,
): Promise<void> {
  // Warm-up, for work that each connection does once.
  await ask('nobody');
  const standard = await watch(() => ask('nobody'));
  t.is(standard.status, expected);
  t.true(standard.roundTrips > 0);
  for (const who of USERNAMES) {
    t.deepEqual(await watch(() => ask(who)), standard, who);
  }
}

const post = (path: string, body: object) => service.request(ACME, 'POST', `/api/auth/${path}/`, { body });

for (const [path, status] of [
  ['jwt/create', 401],
  ['token/login', 400],
] as const) {
  test.serial(`${path} does not reveal whether an account exists`, async (t) => {
    await assertSameResponse(t, (username) => post(path, { username, password: 'not the password' }), status);
    // Even with the right password, for a user who may not log in.
    const wrong = await watch(() => post(path, { username: 'nobody', password: PASSWORD }));
    for (const username of ['inactive', 'awaiting', 'locked']) {
      t.deepEqual(await watch(() => post(path, { username, password: PASSWORD })), wrong, username);
    }
  });
}

for (const path of ['reset_password', 'reset_username', 'resend_activation']) {
  test.serial(`${path} does not reveal whether an email address belongs to a user`, async (t) => {
    await assertSameResponse(t, (who) => post(`users/${path}`, { email: `${who}@example.com` }), 204);
  });
}

test.serial('an invented link does not reveal whether the user exists', async (t) => {
  const [user] = await world.asOwner<{ id: string }>(`select id from acme.users where username = 'active'`);
  const uid = (id: string) => Buffer.from(`${id}.${'x'.repeat(12)}`).toString('base64url');
  for (const [path, rest] of [
    ['activation', {}],
    ['reset_password_confirm', { new_password: 'quite another password' }],
    ['reset_username_confirm', { new_username: 'other' }],
  ] as const) {
    const ask = (id: string) => watch(() => post(`users/${path}`, { uid: uid(id), token: 'x', ...rest }));
    t.deepEqual(await ask(String(user?.id)), await ask('999999'), path);
  }
});

test.serial("the id of another user's resource gets the same response as an unknown id", async (t) => {
  const { access: token } = await openPair(service, ACME, 'active');
  const [other] = await world.asOwner<{ id: string }>(`select id from acme.users where username = 'silent'`);
  const { body: sessions } = await service.request(ACME, 'GET', '/api/auth/sessions/', { token });
  await openPair(service, ACME, 'silent');
  const [session] = await world.asOwner<{ id: string }>('select max(id) as id from acme.sessions');
  t.false(sessions.some(({ id }: { id: number }) => id === Number(session?.id)));
  for (const [method, path, theirs, body] of [
    ['GET', 'users', other?.id],
    ['PUT', 'users', other?.id, { email: 'x@example.com' }],
    ['PATCH', 'users', other?.id, { email: 'not an address' }],
    ['DELETE', 'users', other?.id, { current_password: PASSWORD }],
    ['DELETE', 'users', other?.id, {}],
    ['DELETE', 'sessions', session?.id],
  ] as const) {
    const ask = (id: string | undefined) =>
      watch(() => service.request(ACME, method, `/api/auth/${path}/${id}/`, { token, body }));
    const nobody = await ask('999999');
    t.deepEqual([nobody.status, nobody.body], [404, '{"detail":"Not found."}']);
    t.deepEqual(await ask(theirs), nobody, `${method} ${path}`);
  }
});

test.serial('reports validation errors in the same order for every user', async (t) => {
  for (const username of USERNAMES) {
    for (const path of ['jwt/create', 'token/login']) {
      t.deepEqual((await post(path, { username })).body, { password: ['This field is required.'] });
    }
  }
  for (const path of ['reset_password', 'reset_username', 'resend_activation']) {
    const { status, body } = await post(`users/${path}`, { email: 'no address' });
    t.deepEqual([status, body], [400, { email: ['Enter a valid email address.'] }]);
  }
});

test.serial(
  'resend_activation returns the same response to every client when activation mails are off',
  async (t) => {
    const without = await serve(world, { SEND_ACTIVATION_EMAIL: 'false' });
    t.teardown(without.close);
    for (const who of USERNAMES) {
      const { status, text } = await without.request(ACME, 'POST', '/api/auth/users/resend_activation/', {
        body: { email: `${who}@example.com` },
      });
      t.deepEqual([status, text], [400, '']);
    }
  },
);
